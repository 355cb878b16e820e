import { Levels } from "./levels.js";
import { reflex } from "./reflex.js";

const STEP_MS = 20;

export interface Ducking {
  /** From now on it is between these; without a voice, the last one's. */
  hear(microphone: MediaStream, voice?: MediaStream): void;
  /** An event from the server. */
  take(type: string): void;
  close(): void;
}

/** Lowers the agent's voice as soon as the microphone hears one: `tell` is told how loud to play it. */
export function ducking(tell: (level: number) => void): Ducking {
  const decided = reflex();
  let levels: Levels | undefined;
  let timer: ReturnType<typeof setInterval>;
  let cancelled: unknown;
  let told = 1;
  const play = (level: number): void => {
    if (level !== told) tell((told = level));
  };
  const step = (): void => {
    const level = decided.step(levels!.of("user"), levels!.of("agent"), performance.now());
    // A microphone that hears the loudspeaker as it is would have the agent interrupt itself.
    play(cancelled ? level : 1);
  };
  return {
    hear(microphone, voice) {
      if (voice) {
        if (!levels) timer = setInterval(step, STEP_MS);
        levels ??= new Levels();
        levels.listen("agent", voice);
      }
      levels?.listen("user", microphone);
      cancelled = microphone.getAudioTracks()[0]?.getSettings().echoCancellation;
    },
    take: (type) => decided.take(type, performance.now()),
    close() {
      clearInterval(timer);
      levels?.close();
      play(1);
    },
  };
}
