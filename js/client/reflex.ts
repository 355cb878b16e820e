/** As loud as a server's own ducked voice: 18 dB down. */
export const DUCKED = 0.126;
/** Root mean squares: of a voice, not a line's noise; and of the softest onset, -40 dBFS. */
const VOICE = 0.003;
const LEAST = 0.01;
/** So far above all that the microphone had while the agent spoke: 12 dB. */
const OVER = 4;
/** At first the echo's canceller learns, and so does this. */
const UNKNOWN = 0.03;
/** A loud echo is remembered half for two seconds. */
const KEPT = 0.993;
/** A sound has just begun when it is so old. */
const ONSET_MS = 25;
const LATE_MS = 250;
const PAUSE_MS = 300;
/** The server decides within this time, or it was nothing. */
const DECIDE_MS = 600;
/** What the server lowered is still on its way through the network and the jitter buffer. */
const CARRY_MS = 200;
/** What the server has made of the user's voice, by which this one's part is over. */
const RULED = /\.(ducked|held|speech_started|cleared)$/;

export interface Reflex {
  /**
   * How loud the agent's voice is to be played, 0 to 1, from how loud both sides are: root mean
   * squares of the last 20 ms, asked every 20 ms, at `now` in milliseconds.
   */
  step(user: number, agent: number, now: number): number;
  /** An event from the server. */
  take(type: string, now: number): void;
}

/**
 * What the agent's voice does here when the microphone hears a sound, before the server can have
 * heard it. What the server does not follow was no voice, or the agent's own echo: from then on only
 * what is louder counts. Pure.
 */
export function reflex(): Reflex {
  /** The loudest that the microphone has without anybody there; and what that is after the duck. */
  let [floor, next] = [UNKNOWN, 0];
  let [voicedAt, loudAt, quietAt] = [-PAUSE_MS, -PAUSE_MS, 0];
  /** Ducked until then. */
  let until = 0;
  return {
    step(user, agent, now) {
      const loud = user > Math.max(LEAST, OVER * floor);
      if (agent > VOICE) voicedAt = now;
      if (loud) loudAt = now;
      else if (now - loudAt > PAUSE_MS) quietAt = now;
      if (now < until) return DUCKED;
      if (until) floor = next;
      until = 0;
      // Words have pauses.
      if (now - voicedAt > PAUSE_MS) return 1;
      const age = now - quietAt;
      if (!loud) floor = Math.max(user, floor * KEPT);
      else if (age > ONSET_MS && age < LATE_MS) {
        next = user;
        until = now + DECIDE_MS;
        return DUCKED;
      }
      return 1;
    },
    take(type, now) {
      if (type === "talkover.resumed") until = Math.min(until, now);
      if (!RULED.test(type)) return;
      // Whatever is heard now is known to the server.
      quietAt = 0;
      if (!until) return;
      next = floor;
      until = now + CARRY_MS;
    },
  };
}
