import { ducking, type Ducking } from "./ducking.js";
import { CallError, type CallState, type RealtimeEvent, type Transport } from "./events.js";
import { dataUrl } from "./image.js";
import { UNMEASURED, type Leg, type Listener, type Stats, type Way } from "./leg.js";
import { PeerLeg } from "./peer.js";
import { pushToTalk } from "./push.js";
import { scattered } from "./scatter.js";
import { Server, type Endpoint } from "./server.js";
import { SocketLeg } from "./socket.js";
import { Successor } from "./successor.js";

export interface Options extends Endpoint {
  /** STUN and TURN servers: `ice_servers`, as the client secret came with them. */
  iceServers?: RTCIceServer[];
  /** Its tracks stay the caller's to stop. */
  microphone: MediaStream;
  /** Told of every event but the sound, in order. */
  onEvent?: (event: RealtimeEvent) => void;
  /** Told of every event both ways as it passes, sound included. */
  onPassed?: (sent: boolean, event: RealtimeEvent) => void;
  onState?: (state: CallState, reason: string) => void;
  /** The agent's voice, as soon as there is one. */
  onVoice?: (voice: MediaStream) => void;
  /**
   * How loud it is to be played, 0 to 1: softer as soon as the user makes a sound, before the server
   * can have heard it. For the `volume` of the element that plays it.
   */
  onLevel?: (level: number) => void;
  /** Where the agent's pictures come, if it shows any. */
  onPictures?: (pictures: MediaStream) => void;
  /** The ways to the server, tried one after the other: WebRTC, then a WebSocket. */
  ways?: readonly Way[];
}

const WAYS: readonly Way[] = [PeerLeg.open, SocketLeg.open];

/** How long, and how often, to come back to a call that was cut off. */
const RESUME_MS = 60000;
const AGAIN_MS = 200;
const MOST_MS = 2000;
/** The reason of being live again after it. */
export const RESUMED = "resumed";
/** The reason of being live still, at another server. */
export const MOVED = "moved";
/** What the last server sent is played to its end. */
const TAIL_MS = 1000;

/** One conversation, over WebRTC; where media cannot connect, over a WebSocket. */
export class Call {
  state: CallState = "idle";
  private leg: Leg | null = null;
  private way: Way | null = null;
  private successor: Successor | null = null;
  private microphone: MediaStream;
  private readonly ducking: Ducking | undefined;
  private muted = false;
  private video: MediaStream | null = null;
  private accounted = "";
  private answering = false;
  /** Whether the server itself cancels an answer that the user talks over, where it says so. */
  private yields: boolean | undefined;
  private server: Server;
  private readonly listener: Listener;
  private readonly talk = pushToTalk(this);

  constructor(private readonly options: Options) {
    this.microphone = options.microphone;
    this.server = new Server(options);
    if (options.onLevel) this.ducking = ducking(options.onLevel);
    this.listener = {
      passed: (sent, event) => options.onPassed?.(sent, event),
      event: (event) => this.take(event),
      state: (state, reason) => this.become(state, reason),
      lost: (reason) => void this.resume(reason),
      voice: (voice) => this.hear(voice),
      pictures: (pictures) => options.onPictures?.(pictures),
    };
  }

  get transport(): Transport {
    return this.leg?.transport ?? "";
  }

  /** Resolves when it is live or was hung up meanwhile. CallError says what is wrong. */
  async connect(): Promise<void> {
    this.become("connecting", "");
    globalThis.addEventListener?.("pagehide", this.hangUp);
    try {
      const leg = await this.open();
      if (this.state !== "connecting") return leg?.close();
      this.leg = leg;
      this.become("live", "");
    } catch (error) {
      const told = error instanceof CallError ? error : new CallError(String(error), "failed");
      this.become("error", told.message);
      throw told;
    }
  }

  send(event: RealtimeEvent): void {
    this.leg?.send(event);
  }

  /** Ask in writing; the agent stops what it is saying. */
  type(text: string): void {
    this.ask(said({ type: "input_text", text }));
  }

  /**
   * Ask about a picture, a Blob or a data URL. CallError where it is none, or too large: over WebRTC
   * an event has 256 KiB at most.
   */
  async show(image: Blob | string, text = ""): Promise<void> {
    const picture = { type: "input_image", image_url: await dataUrl(image) };
    const event = said(picture, ...(text ? [{ type: "input_text", text }] : []));
    const most = this.leg?.mostBytes ?? Infinity;
    if (new Blob([JSON.stringify(event)]).size > most) {
      const told = `This picture is too large: in base64 it may have ${most >> 10} KiB. Scale it down.`;
      throw new CallError(told, "too_large");
    }
    this.ask(event);
  }

  /** Application data for the agent's `on(name)`. CallError where the server is no Talkover. */
  message(name: string, data: unknown): void {
    if (this.leg && !this.server.extended) {
      throw new CallError("This server takes no application data: it is no Talkover.", "no_extensions");
    }
    this.send({ type: "talkover.message", name, data });
  }

  /** Stop the agent; nothing where it says nothing. What was not played of it was never said. */
  interrupt(): void {
    this.stop(this.answering);
  }

  /** Push to talk, in a session without turn detection: the button goes down, and the agent stops. */
  press(): void {
    this.talk.press();
  }

  /** …and up: what was said in between is a turn. The microphone is muted until the next one. */
  release(): void {
    this.talk.release();
  }

  mute(muted: boolean): void {
    this.muted = muted;
    for (const track of this.microphone.getAudioTracks()) track.enabled = !muted;
  }

  /** Speak through another microphone from now on, muted if the last one was. */
  async replaceMicrophone(microphone: MediaStream): Promise<void> {
    this.microphone = microphone;
    this.mute(this.muted);
    this.ducking?.hear(microphone);
    await this.leg?.speakThrough(microphone);
  }

  /** Whether pictures pass; over a WebSocket they do not. */
  get films(): boolean {
    return this.leg?.films ?? false;
  }

  /** Let the agent see a camera or a screen from now on, or nothing. The tracks stay yours. */
  async film(video: MediaStream | null): Promise<void> {
    this.video = video;
    await this.leg?.film(video);
  }

  hangUp = (): void => this.become("ended", "hung up");

  async stats(): Promise<Stats> {
    return (await this.leg?.stats()) ?? { transport: "", ...UNMEASURED };
  }

  /** Null where it was hung up meanwhile. */
  private async open(): Promise<Leg | null> {
    const { server, microphone, listener, options, state } = this;
    for (const way of options.ways ?? WAYS) {
      const leg = await way(server, microphone, listener, options.iceServers);
      this.way = way;
      if (leg || this.state !== state) return leg;
    }
    throw new CallError("Neither media nor a WebSocket gets through.", "blocked");
  }

  private stop(answering: boolean): void {
    // Elsewhere what is thought up goes on when what is played is cleared.
    if (answering && !this.server.extended) this.send({ type: "response.cancel" });
    this.send({ type: "output_audio_buffer.clear" });
  }

  /** The user talks over the agent: over a WebSocket, elsewhere, nobody else stops what is played. */
  private yield(): void {
    if (this.server.extended || this.transport !== "websocket" || this.yields === false) return;
    this.stop(this.answering && !this.yields);
  }

  private hear(voice: MediaStream): void {
    this.options.onVoice?.(voice);
    this.ducking?.hear(this.microphone, voice);
  }

  private ask(created: RealtimeEvent): void {
    this.interrupt();
    this.send(created);
    this.send({ type: "response.create" });
  }

  /** The server is about to stop: connects to another one beside it, as long as this one stays. */
  private async lookAhead(): Promise<void> {
    const { leg, way, options } = this;
    const stays = (): boolean => leg !== null && this.leg === leg && this.state === "live";
    for (let wait = AGAIN_MS; way && stays(); wait = Math.min(wait * 1.5, MOST_MS)) {
      const server = this.server.beside();
      try {
        const successor = await Successor.open(server, this.listener, (listener) =>
          way(server, this.microphone, listener, options.iceServers),
        );
        if (!stays()) return successor.drop();
        this.successor = successor;
        this.send({ type: "talkover.moving" });
        await successor.gone;
        this.successor = null;
      } catch {
        // Nobody else takes it yet, and here it stays.
      }
      await scattered(wait);
    }
  }

  /** The server has let the call go, and another one is connected. */
  private goOn(successor: Successor): void {
    const { leg } = this;
    this.successor = null;
    // First: whatever else it has to tell is about a call that is not there any more.
    leg?.drop(TAIL_MS);
    this.server = successor.server;
    this.leg = successor.take();
    void this.leg.speakThrough(this.microphone);
    if (this.video) void this.leg.film(this.video);
    this.options.onState?.("live", MOVED);
  }

  /** Comes back to a call that was cut off, for as long as the server may keep it. */
  private async resume(reason: string): Promise<void> {
    const { leg, successor } = this;
    if (!leg) return;
    if (successor) return this.goOn(successor);
    this.leg = null;
    leg.drop();
    if (!this.server.comeBack()) return this.become("ended", reason);
    this.become("reconnecting", reason);
    const end = Date.now() + RESUME_MS;
    for (let wait = AGAIN_MS; Date.now() < end; wait = Math.min(wait * 1.5, MOST_MS)) {
      try {
        const next = await this.open();
        if (this.state !== "reconnecting") return next?.close();
        this.leg = next;
        if (this.video) await next?.film(this.video);
        return this.become("live", RESUMED);
      } catch (error) {
        if (error instanceof CallError && error.status === 404) break;
      }
      await scattered(wait);
      if (this.state !== "reconnecting") return;
    }
    this.become("ended", reason);
  }

  private take(event: RealtimeEvent): void {
    const { type } = event;
    const session = event["session"] as Session | undefined;
    if (session) this.yields = session.audio?.input?.turn_detection?.interrupt_response;
    if (type === "input_audio_buffer.speech_started") this.yield();
    this.options.onEvent?.(event);
    this.ducking?.take(type);
    if (type === "response.created") this.answering = true;
    if (type === "response.done") this.answering = false;
    if (type === "talkover.turn") void this.account(event);
    if (type === "talkover.move") void this.lookAhead();
    if (type !== "talkover.ended") return;
    const reason = String(event["reason"]);
    if (event["how"] === "moved") void this.resume(reason);
    else this.become("ended", reason);
  }

  /** The server's account of the silence lacks what only this side knows. */
  private async account(turn: RealtimeEvent): Promise<void> {
    const reply = String(turn["response_id"]);
    if (this.accounted === reply) return;
    this.accounted = reply;
    const held = await this.leg?.held();
    if (!held) return;
    const [capture_ms, heard_at_ms] = [Math.round(held.captureMs), Math.round(held.heardAt)];
    this.send({ type: "talkover.timings", response_id: reply, capture_ms, heard_at_ms });
  }

  private become(state: CallState, reason: string): void {
    if (this.state === state || over(this.state)) return;
    this.state = state;
    if (over(state)) {
      globalThis.removeEventListener?.("pagehide", this.hangUp);
      this.talk.cease();
      this.ducking?.close();
      this.successor?.drop();
      this.leg?.close();
    }
    this.options.onState?.(state, reason);
  }
}

/** Of a session, what is read here. */
interface Session {
  audio?: { input?: { turn_detection?: { interrupt_response?: boolean } | null } };
}

function over(state: CallState): boolean {
  return state === "ended" || state === "error";
}

function said(...content: object[]): RealtimeEvent {
  return { type: "conversation.item.create", item: { type: "message", role: "user", content } };
}
