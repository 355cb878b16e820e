import type { RealtimeEvent } from "../../client";
import { encode } from "../../client/pcm";
import workletUrl from "../../client/sound.worklet.js?url";
import { openMicrophone, release } from "../src/microphone";
import { Schedule } from "./schedule";

const RATE = 48000;
const OPEN_MS = 8000;
const DEAF = "This browser cannot decode the call's sound (it has no AudioDecoder): use a newer one.";

/** One who listens to both sides of a call, and may speak in the agent's place. */
export class Listening {
  private readonly context = new AudioContext({ sampleRate: RATE });
  private readonly decoders = { user: this.decoder(), agent: this.decoder() };
  private microphone: MediaStream | null = null;

  private constructor(private readonly socket: WebSocket, private readonly over: () => void) {}

  /** An Error says why that cannot be. `over`: it ended by itself. */
  static async open(socket: WebSocket, over: () => void): Promise<Listening> {
    try {
      if (typeof AudioDecoder === "undefined") throw new Error(DEAF);
      await opened(socket);
    } catch (error) {
      socket.close();
      throw error;
    }
    const made = new Listening(socket, over);
    socket.onmessage = ({ data }) => made.take(JSON.parse(String(data)) as RealtimeEvent);
    socket.onclose = () => {
      made.close();
      made.over();
    };
    await made.context.resume();
    return made;
  }

  /** The caller hears this microphone instead of the agent from now on, or the agent again. */
  async takeOver(on: boolean): Promise<void> {
    if (on && !this.microphone) await this.speak();
    if (!on) this.hush();
    this.socket.send(JSON.stringify({ type: "talkover.take_over", on }));
  }

  /** A call that was taken over is handed back. */
  close(): void {
    this.socket.onmessage = this.socket.onclose = null;
    this.socket.close();
    this.hush();
    for (const decoder of Object.values(this.decoders)) if (decoder.state !== "closed") decoder.close();
    void this.context.close();
  }

  private async speak(): Promise<void> {
    this.microphone = await openMicrophone({ deviceId: "", echoCancellation: true });
    await this.context.audioWorklet.addModule(workletUrl);
    const capture = new AudioWorkletNode(this.context, "capture", { numberOfOutputs: 0 });
    capture.port.onmessage = ({ data }) => {
      if (!this.microphone || this.socket.readyState !== WebSocket.OPEN) return;
      const audio = encode(data as Float32Array);
      this.socket.send(JSON.stringify({ type: "input_audio_buffer.append", audio }));
    };
    this.context.createMediaStreamSource(this.microphone).connect(capture);
  }

  private hush(): void {
    release(this.microphone);
    this.microphone = null;
  }

  private take(event: RealtimeEvent): void {
    if (event.type !== "talkover.packet") return;
    const decoder = this.decoders[event["side"] as "user" | "agent"];
    const data = Uint8Array.from(atob(String(event["opus"])), (letter) => letter.charCodeAt(0));
    if (decoder.state !== "configured" || data.length === 0) return;
    const timestamp = Number(event["at_ms"]) * 1000;
    decoder.decode(new EncodedAudioChunk({ type: "key", timestamp, data }));
  }

  /** Each side has one of its own, and a time of its own. */
  private decoder(): AudioDecoder {
    const schedule = new Schedule();
    const decoder = new AudioDecoder({
      output: (sound) => {
        this.play(sound, schedule);
        sound.close();
      },
      error: () => this.socket.close(),
    });
    decoder.configure({ codec: "opus", sampleRate: RATE, numberOfChannels: 1 });
    return decoder;
  }

  private play(sound: AudioData, schedule: Schedule): void {
    const { context } = this;
    if (context.state === "closed") return;
    const start = schedule.when(sound.timestamp / 1e6, sound.duration / 1e6, context.currentTime);
    if (start === null) return;
    const buffer = context.createBuffer(1, sound.numberOfFrames, sound.sampleRate);
    sound.copyTo(buffer.getChannelData(0), { planeIndex: 0, format: "f32-planar" });
    const source = context.createBufferSource();
    source.buffer = buffer;
    source.connect(context.destination);
    source.start(start);
  }
}

function opened(socket: WebSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (): void => reject(new Error("The server lets nobody listen to this call; it may have ended."));
    socket.onopen = () => resolve();
    socket.onerror = failed;
    setTimeout(failed, OPEN_MS);
  });
}
