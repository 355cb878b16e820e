import type { Options } from "./call";
import captureUrl from "./capture.worklet.js?url";
import { CallError, type RealtimeEvent } from "./events";
import { decode, encode } from "./pcm";

const RATE = 24000;

/** The same conversation with sound as events, for networks that let no media through. */
export class SocketCall {
  private socket: WebSocket | null = null;
  private readonly context = new AudioContext({ sampleRate: RATE });
  private readonly voice = this.context.createMediaStreamDestination();
  private playing: AudioBufferSourceNode[] = [];
  private until = 0;

  constructor(
    private readonly url: string,
    private readonly options: Options,
    private readonly take: (event: RealtimeEvent) => void,
    private readonly ended: (reason: string) => void,
  ) {}

  /** The agent's voice. CallError where there is no way either. */
  async open(): Promise<MediaStream> {
    const { token } = this.options;
    const protocols = ["realtime", ...(token ? [`openai-insecure-api-key.${token}`] : [])];
    const socket = new WebSocket(this.url, protocols);
    this.socket = socket;
    await new Promise<void>((resolve, reject) => {
      socket.onopen = () => resolve();
      socket.onerror = () => reject(new CallError("Neither media nor WebSocket gets through.", "blocked"));
    });
    socket.onmessage = ({ data }) => this.heard(JSON.parse(String(data)) as RealtimeEvent);
    socket.onclose = ({ reason }) => this.ended(reason || "the connection was closed");
    await this.context.audioWorklet.addModule(captureUrl);
    const capture = new AudioWorkletNode(this.context, "capture");
    capture.port.onmessage = ({ data }) => {
      this.send({ type: "input_audio_buffer.append", audio: encode(data as Float32Array) });
    };
    this.context.createMediaStreamSource(this.options.microphone).connect(capture);
    return this.voice.stream;
  }

  send(event: RealtimeEvent): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(event));
  }

  close(): void {
    this.socket?.close();
    void this.context.close();
  }

  private heard(event: RealtimeEvent): void {
    if (event.type === "response.output_audio.delta") this.play(decode(String(event["delta"])));
    if (event.type === "input_audio_buffer.speech_started") this.silence();
    this.take(event);
  }

  private play(samples: Float32Array<ArrayBuffer>): void {
    if (samples.length === 0) return;
    const buffer = this.context.createBuffer(1, samples.length, RATE);
    buffer.copyToChannel(samples, 0);
    const source = this.context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.voice);
    this.until = Math.max(this.until, this.context.currentTime + 0.03);
    source.start(this.until);
    this.until += buffer.duration;
    this.playing.push(source);
    source.onended = () => (this.playing = this.playing.filter((other) => other !== source));
  }

  private silence(): void {
    for (const source of this.playing) source.stop();
    this.playing = [];
    this.until = 0;
  }
}
