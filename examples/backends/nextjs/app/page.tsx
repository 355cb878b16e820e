"use client";

import { useEffect, useRef, useState } from "react";
import { Call, type CallState, type RealtimeEvent } from "talkover";

/** What `POST /api/token` answers. */
interface Token {
  url: string;
  token: string;
  iceServers: RTCIceServer[];
  message?: string;
}

export default function Page() {
  const [state, setState] = useState<CallState>("idle");
  const [lines, setLines] = useState<string[]>([]);
  const [trouble, setTrouble] = useState("");
  const call = useRef<Call | null>(null);
  const microphone = useRef<MediaStream | null>(null);
  const voice = useRef<HTMLAudioElement>(null);

  const over = () => {
    microphone.current?.getTracks().forEach((track) => track.stop());
    microphone.current = null;
  };

  useEffect(() => () => {
    call.current?.hangUp();
    over();
  }, []);

  async function talk() {
    setTrouble("");
    try {
      microphone.current = await navigator.mediaDevices.getUserMedia({ audio: true });
      const response = await fetch("/api/token", { method: "POST" });
      const { url, token, iceServers, message } = (await response.json()) as Token;
      if (!response.ok) throw new Error(message);
      call.current = new Call({
        url, token, iceServers,
        microphone: microphone.current,
        onEvent: (event) => {
          const line = words(event);
          if (line) setLines((before) => [...before, line]);
        },
        onState: (next, reason) => {
          setState(next);
          if (next === "ended" || next === "error") over();
          if (next === "error") setTrouble(reason);
        },
        onVoice: (stream) => {
          if (voice.current) voice.current.srcObject = stream;
        },
      });
      await call.current.connect();
    } catch (error) {
      over();
      setTrouble(error instanceof Error ? error.message : String(error));
    }
  }

  const live = state === "live" || state === "connecting" || state === "reconnecting";
  return (
    <main>
      <button onClick={live ? () => call.current?.hangUp() : () => void talk()}>
        {live ? "Hang up" : "Talk"}
      </button>
      <p role="status">{state}</p>
      {trouble && <p role="alert">{trouble}</p>}
      <ol>{lines.map((line, n) => <li key={n}>{line}</li>)}</ol>
      <audio ref={voice} autoPlay />
    </main>
  );
}

/** A line of what was said, by either side, once it is whole. */
function words(event: RealtimeEvent): string {
  switch (event.type) {
    case "conversation.item.input_audio_transcription.completed":
      return `You: ${String(event["transcript"])}`;
    case "response.output_audio_transcript.done":
      return `Agent: ${String(event["transcript"])}`;
    default:
      return "";
  }
}
