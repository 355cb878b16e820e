import type { RealtimeEvent } from "./events.js";

/** Of the wire, in a millisecond. */
const SAMPLES = 24;

/**
 * What was played of which item, for a server that sends ahead and cannot know. The player plays at
 * once what it has, one after the other; `now` is its clock, in samples.
 */
export interface Playout {
  /** An answer begins, and is to be played. */
  begin(now: number): void;
  /** More of an item came. False: its answer was stopped, and so is this, by another `stop`. */
  take(event: RealtimeEvent, samples: number, now: number): boolean;
  /** Nothing more is played: the events that tell the server how far each item was, each once. */
  stop(now: number): RealtimeEvent[];
}

interface Sound {
  item_id: unknown;
  content_index: unknown;
  /** What came of it; once it was stopped, what of that was played. */
  samples: number;
  told?: boolean;
}

/** Pure. */
export function playout(): Playout {
  /** The newest first. */
  let sounds: Sound[] = [];
  /** When all that came will have been played. */
  let end = 0;
  let stopped = false;
  return {
    begin(now) {
      stopped = false;
      if (end <= now) sounds = [];
    },
    take({ item_id, content_index }, samples, now) {
      if (sounds[0]?.item_id !== item_id) sounds.unshift({ item_id, content_index, samples: 0 });
      sounds[0]!.samples += samples;
      end = Math.max(end, now) + samples;
      return !stopped;
    },
    stop(now) {
      let left = Math.max(0, end - now);
      end = now;
      stopped = true;
      return sounds.flatMap((sound) => {
        const unplayed = Math.min(left, sound.samples);
        left -= unplayed;
        sound.samples -= unplayed;
        if (!unplayed || sound.told) return [];
        sound.told = true;
        const { item_id, content_index, samples } = sound;
        const audio_end_ms = Math.floor(samples / SAMPLES);
        return [{ type: "conversation.item.truncate", item_id, content_index, audio_end_ms }];
      });
    },
  };
}
