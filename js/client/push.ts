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

export interface Button {
  press(): void;
  release(): void;
  /** Nothing comes of what is still on its way. */
  cease(): void;
}

/** Push to talk: a turn is what was said between `press` and `release`. */
export function pushToTalk(call: Pushed): Button {
  let pressed = false;
  let since = 0;
  let trailing: ReturnType<typeof setTimeout> | undefined;
  const cease = (): void => {
    clearTimeout(trailing);
    trailing = undefined;
  };
  return {
    cease,
    press() {
      if (pressed) return;
      pressed = true;
      // Pressed again before the last turn went out: it goes on.
      if (trailing) return cease();
      since = performance.now();
      call.interrupt();
      call.send({ type: "input_audio_buffer.clear" });
      call.mute(false);
    },
    release() {
      if (!pressed) return;
      pressed = false;
      const slipped = performance.now() - since < SHORTEST_MS;
      trailing = setTimeout(() => {
        trailing = undefined;
        call.mute(true);
        call.send({ type: slipped ? "input_audio_buffer.clear" : "input_audio_buffer.commit" });
        if (!slipped) call.send({ type: "response.create" });
      }, TRAILING_MS);
    },
  };
}
