import type { RealtimeEvent } from "./events.js";

/** Sound that was just made is still on its way from the microphone. */
const TRAILING_MS = 250;
const SHORTEST_MS = 150;

/** What it does to the call. */
export interface Pushed {
  send(event: RealtimeEvent): void;
  mute(muted: boolean): void;
  interrupt(): void;
}

/** Push to talk: a turn is what was said between `press` and `release`. */
export class PushToTalk {
  private pressed = false;
  private since = 0;
  private trailing: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly call: Pushed) {}

  press(): void {
    if (this.pressed) return;
    this.pressed = true;
    // Pressed again before the last turn went out: it goes on.
    if (this.trailing) return this.cease();
    this.since = performance.now();
    this.call.interrupt();
    this.call.send({ type: "input_audio_buffer.clear" });
    this.call.mute(false);
  }

  release(): void {
    if (!this.pressed) return;
    this.pressed = false;
    const slipped = performance.now() - this.since < SHORTEST_MS;
    this.trailing = setTimeout(() => {
      this.trailing = undefined;
      this.call.mute(true);
      if (slipped) return this.call.send({ type: "input_audio_buffer.clear" });
      this.call.send({ type: "input_audio_buffer.commit" });
      this.call.send({ type: "response.create" });
    }, TRAILING_MS);
  }

  /** Nothing comes of what is still on its way. */
  cease(): void {
    clearTimeout(this.trailing);
    this.trailing = undefined;
  }
}
