import type { CallState, RealtimeEvent, Transport } from "./events.js";
import type { Server } from "./server.js";

/** How well the way carries; null where it cannot be measured. */
export interface Stats {
  transport: Transport;
  rttMs: number | null;
  lossPercent: number | null;
  jitterMs: number | null;
}

/** Where nothing can be. */
export const UNMEASURED = { rttMs: null, lossPercent: null, jitterMs: null };

/** What only this side knows of the silence before an answer. */
export interface Held {
  /** How long the microphone holds sound back: its device and the browser's processing. */
  captureMs: number;
  /**
   * When the loudspeaker's device had the answer's first sound: in ms since 1970, by the clock of
   * the server's reports and as if these took no time to come.
   */
  heardAt: number;
}

/** One way to the server, open: WebRTC or WebSocket. */
export interface Leg {
  readonly transport: Transport;
  /** Bytes of the largest event that passes. */
  readonly mostBytes: number;
  send(event: RealtimeEvent): void;
  /** Whether pictures pass, both ways. */
  readonly films: boolean;
  /** Send a camera or a screen from now on, or none. */
  film(video: MediaStream | null): Promise<void>;
  /** Speak through another microphone from now on. */
  speakThrough(microphone: MediaStream): Promise<void>;
  stats(): Promise<Stats>;
  /** Of the answer that just began; null where it was not played, or nothing tells when. */
  held(): Promise<Held | null>;
  close(): void;
  /**
   * Close it without hanging up: the call goes on by another one. Nothing is told of it from now on;
   * what it was sent is played for `tailMs` more.
   */
  drop(tailMs?: number): void;
}

/** Opens a leg; null where this way does not get through, and the next one is to be tried. */
export type Way = (
  server: Server, microphone: MediaStream, listener: Listener, iceServers?: RTCIceServer[],
) => Promise<Leg | null>;

/** Who is told what happens on a leg. */
export interface Listener {
  /** Every event as it passes, sound included. */
  passed(sent: boolean, event: RealtimeEvent): void;
  event(event: RealtimeEvent): void;
  state(state: CallState, reason: string): void;
  /** The leg is of no use any more, and nobody hung up. */
  lost(reason: string): void;
  /** The agent's voice, as soon as there is one. */
  voice(voice: MediaStream): void;
  /** Where the agent's pictures come, if it shows any. */
  pictures(pictures: MediaStream): void;
}
