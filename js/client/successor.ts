import { CallError, type CallState, type RealtimeEvent } from "./events.js";
import type { Leg, Listener } from "./leg.js";
import type { Server } from "./server.js";

/**
 * A leg at another server, connected beside the one that is about to stop. It says nothing until it
 * is `taken`; then it resumes the session, and the call's listener is told of it.
 */
export class Successor implements Listener {
  private leg: Leg | null = null;
  private taken = false;
  private heard: MediaStream | null = null;
  private seen: MediaStream | null = null;
  /** Resolves when the leg is of no use any more, if it was not taken before. */
  readonly gone: Promise<void>;
  private give: () => void = () => undefined;

  private constructor(readonly server: Server, private readonly listener: Listener) {
    this.gone = new Promise((resolve) => (this.give = resolve));
  }

  /** CallError where no other server takes it now. */
  static async open(
    server: Server, listener: Listener, open: (listener: Listener) => Promise<Leg | null>,
  ): Promise<Successor> {
    const made = new Successor(server, listener);
    made.leg = await open(made);
    if (!made.leg) throw new CallError("Media did not connect there.", "blocked");
    return made;
  }

  /** The leg, which has the call from now on. */
  take(): Leg {
    const leg = this.leg!;
    this.taken = true;
    this.give();
    leg.send({ type: "talkover.resume" });
    if (this.heard) this.listener.voice(this.heard);
    if (this.seen) this.listener.pictures(this.seen);
    return leg;
  }

  drop(): void {
    this.leg?.drop();
    this.give();
  }

  passed(sent: boolean, event: RealtimeEvent): void {
    this.listener.passed(sent, event);
  }

  event(event: RealtimeEvent): void {
    if (this.taken) this.listener.event(event);
  }

  state(state: CallState, reason: string): void {
    if (this.taken) this.listener.state(state, reason);
    else if (state === "ended") this.drop();
  }

  lost(reason: string): void {
    if (this.taken) this.listener.lost(reason);
    else this.drop();
  }

  voice(voice: MediaStream): void {
    this.heard = voice;
    if (this.taken) this.listener.voice(voice);
  }

  pictures(pictures: MediaStream): void {
    this.seen = pictures;
    if (this.taken) this.listener.pictures(pictures);
  }
}
