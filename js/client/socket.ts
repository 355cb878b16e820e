import type { RealtimeEvent } from "./events.js";
import { UNMEASURED, type Held, type Leg, type Listener, type Stats } from "./leg.js";
import { decode, encode } from "./pcm.js";
import { playout } from "./playout.js";
import { DUCKED } from "./reflex.js";
import { SETUP_MS, type Server } from "./server.js";
import workletUrl from "./sound.worklet.js?url";

const WIRE = 24000;
const HUNG_UP = 1000;

/** The same call with sound as events, for networks that let no media through. */
export class SocketLeg implements Leg {
  readonly transport = "websocket";
  readonly films = false;
  /** What the protocol lets a frame of sound have. */
  readonly mostBytes = 15 * 2 ** 20;
  // Two contexts: some browsers connect a microphone only to one of the microphone's own rate.
  private readonly hearing = new AudioContext();
  private readonly speaking = new AudioContext({ sampleRate: WIRE });
  private source: MediaStreamAudioSourceNode | null = null;
  private capture: AudioWorkletNode | null = null;
  private voice: AudioWorkletNode | null = null;
  private socket: WebSocket | null = null;
  private readonly playout = playout();

  private constructor(private readonly server: Server, private readonly listener: Listener) {}

  /** The open leg; null where no WebSocket gets through either. */
  static async open(
    server: Server, microphone: MediaStream, listener: Listener,
  ): Promise<SocketLeg | null> {
    const leg = new SocketLeg(server, listener);
    try {
      // Sound is ready first: the server speaks as soon as the socket is open.
      await leg.prepare();
      const socket = (leg.socket = server.socket());
      socket.onmessage = ({ data }) => leg.take(JSON.parse(String(data)) as RealtimeEvent);
      if (!(await opened(socket, server.extended))) {
        leg.close();
        return null;
      }
      socket.onclose = ({ code, reason }) => {
        if (code === HUNG_UP) listener.state("ended", reason || "the connection was closed");
        else listener.lost(reason || "the connection was lost");
      };
      await leg.speakThrough(microphone);
      return leg;
    } catch (error) {
      leg.close();
      throw error;
    }
  }

  send(event: RealtimeEvent): void {
    if (event.type === "output_audio_buffer.clear") {
      this.stop();
      // The protocol has it for WebRTC only.
      if (!this.server.extended) return;
    }
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    this.socket.send(JSON.stringify(event));
    this.listener.passed(true, event);
  }

  async film(): Promise<void> {}

  async speakThrough(microphone: MediaStream): Promise<void> {
    this.source?.disconnect();
    this.source = this.hearing.createMediaStreamSource(microphone);
    if (this.capture) this.source.connect(this.capture);
  }

  async stats(): Promise<Stats> {
    return { transport: this.transport, ...UNMEASURED };
  }

  drop(tailMs = 0): void {
    this.close(tailMs);
  }

  async held(): Promise<Held | null> {
    return null;
  }

  close(tailMs = 0): void {
    if (this.socket) this.socket.onmessage = this.socket.onclose = null;
    this.socket?.close();
    if (this.capture) this.capture.port.onmessage = null;
    void this.hearing.close();
    setTimeout(() => void this.speaking.close(), tailMs);
  }

  private async prepare(): Promise<void> {
    await Promise.all([
      this.hearing.audioWorklet.addModule(workletUrl),
      this.speaking.audioWorklet.addModule(workletUrl),
    ]);
    this.capture = new AudioWorkletNode(this.hearing, "capture", { numberOfOutputs: 0 });
    this.capture.port.onmessage = ({ data }) => {
      this.send({ type: "input_audio_buffer.append", audio: encode(data as Float32Array) });
    };
    this.voice = new AudioWorkletNode(this.speaking, "voice", { numberOfInputs: 0 });
    const heard = this.speaking.createMediaStreamDestination();
    this.voice.connect(heard);
    this.listener.voice(heard.stream);
    await Promise.all([this.hearing.resume(), this.speaking.resume()]);
  }

  // The server sends ahead; what it did to the voice is done here to what is not yet played.
  private take(event: RealtimeEvent): void {
    const { extended } = this.server;
    this.listener.passed(false, event);
    switch (event.type) {
      case "response.output_audio.delta": {
        const pcm = decode(String(event["delta"]));
        if (extended || this.playout.take(event, pcm.length, this.now)) this.play({ pcm });
        else this.stop();
        return;
      }
      case "session.created":
        this.server.waiting = false;
        break;
      case "talkover.resumable":
        this.server.resumption = String(event["token"]);
        return;
      case "talkover.ducked":
        this.play({ level: DUCKED });
        break;
      case "talkover.held":
        this.play({ level: 0 });
        break;
      case "talkover.resumed":
        this.play({ level: 1 });
        break;
      case "response.created":
        this.playout.begin(this.now);
        break;
      case "input_audio_buffer.speech_started":
        // Elsewhere the call decides, which may have to cancel the answer first.
        if (extended) this.stop();
        break;
      case "response.done":
        if ((event["response"] as { status: string }).status === "cancelled") this.stop();
    }
    this.listener.event(event);
  }

  private play(what: object): void {
    this.voice?.port.postMessage(what);
  }

  /** Only a Talkover knows what was played: others send ahead, and have to be told. */
  private stop(): void {
    this.play({ flush: true });
    if (!this.server.extended) this.playout.stop(this.now).forEach((cut) => this.send(cut));
  }

  /** In samples of the clock that the voice is played by. */
  private get now(): number {
    return Math.round(this.speaking.currentTime * WIRE);
  }
}

/** True once it has said what it is; a server that is known may have nothing to say yet. */
function opened(socket: WebSocket, known: boolean): Promise<boolean> {
  return new Promise((resolve) => {
    socket.addEventListener(known ? "open" : "message", () => resolve(true));
    socket.onclose = () => resolve(false);
    setTimeout(() => resolve(false), SETUP_MS);
  });
}
