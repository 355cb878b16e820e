import { CallError, type CallState, type RealtimeEvent, type Transport } from "./events.js";
import { UNMEASURED, type Leg, type Listener, type Way } from "./leg.js";

/** What a test says of its server; left out, it is a Talkover that is called over UDP. */
export interface Script {
  transport?: Transport;
  /** No: it shows none of Talkover's extensions, and a call that is cut off is over. */
  extended?: boolean;
  /** Bytes of the largest event that passes: 256 KiB. */
  mostBytes?: number;
}

/**
 * The server of a test, without network, microphone or browser: `new Call({ ...server.options })`.
 * It says what the test has it `tell`, and keeps what the call `sent`.
 */
export class ScriptedServer {
  readonly sent: RealtimeEvent[] = [];
  /** Whether the page shows a picture to it. */
  filming = false;
  private readonly track = { kind: "audio", enabled: true, stop: () => undefined };
  private listener: Listener | null = null;
  private refusal: CallError | null = null;

  constructor(private readonly script: Script = {}) {}

  /** For a `Call`, beside the test's own. */
  get options(): { ways: readonly Way[]; microphone: MediaStream } {
    const tracks = [this.track];
    const microphone = { getTracks: () => tracks, getAudioTracks: () => tracks };
    return { ways: [this.open], microphone: microphone as unknown as MediaStream };
  }

  /** Whether the microphone of `options` is muted. */
  get muted(): boolean {
    return !this.track.enabled;
  }

  /** Whether a call is connected. */
  get connected(): boolean {
    return this.listener !== null;
  }

  /** An event from the server. */
  tell(event: RealtimeEvent): void {
    const listener = this.called();
    listener.passed(false, event);
    listener.event(event);
  }

  /** What the network does: `reconnecting`, and `live` again. */
  become(state: CallState, reason = ""): void {
    this.called().state(state, reason);
  }

  /** The call is cut off. A Talkover's comes back at once, unless the server refuses. */
  cut(reason = "the connection was lost"): void {
    const listener = this.called();
    this.listener = null;
    listener.lost(reason);
  }

  /** Have every call refused from now on; null takes them again. */
  refuse(error: CallError | null): void {
    this.refusal = error;
  }

  private readonly open: Way = async (server, _, listener) => {
    if (this.refusal) throw this.refusal;
    if (this.script.extended ?? true) server.resumption = "scripted";
    this.listener = listener;
    return this.leg(listener);
  };

  private leg(listener: Listener): Leg {
    const { transport = "udp", mostBytes = 256 * 1024 } = this.script;
    let open = true;
    const close = (): void => {
      open = false;
      if (this.listener === listener) this.listener = null;
    };
    return {
      transport, mostBytes, close, drop: close,
      films: transport !== "websocket",
      send: (event) => {
        if (!open) return;
        this.sent.push(event);
        listener.passed(true, event);
      },
      film: async (video) => void (this.filming = video !== null),
      speakThrough: async () => undefined,
      stats: async () => ({ transport, ...UNMEASURED }),
      held: async () => null,
    };
  }

  private called(): Listener {
    if (this.listener) return this.listener;
    throw new CallError("No call is connected to this server.", "not_connected");
  }
}
