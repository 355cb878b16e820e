import type { RealtimeEvent } from "../../client";
import { Timeline, STEP_MS, type Happening } from "./timeline";
import { unzip } from "./zip";

const FORMAT = 1;
/** Columns that a picture shows. */
const SHOWN_MS = 48_000;
const HAPPENINGS: Record<string, Happening> = {
  "talkover.ducked": "duck", "talkover.held": "hold", "talkover.resumed": "resume",
  "talkover.backchannel": "mm-hm",
};

export interface Decision {
  at: number;
  decision: "commit" | "discard" | "interrupt" | "resume";
  why: string;
}

/** What the user once said, what was decided about it, and the same as a test for pytest. */
export interface Turn {
  turn: number;
  at: number;
  decisions: Decision[];
  test: string;
}

export interface Fact {
  ms: number;
  event: RealtimeEvent;
}

/** A recorded call. Times of turns are seconds, of facts milliseconds, both of the call's clock. */
export interface Bundle {
  about: { session: string; agent: string; began: string; seconds: number; talkover: string };
  facts: Fact[];
  turns: Turn[];
  user: Blob;
  agent: Blob;
}

/** Reads a .talkover file. An Error says what is wrong with it. */
export async function readBundle(file: Blob): Promise<Bundle> {
  const parts = await unzip(file);
  const part = (name: string): Blob => {
    const found = parts.get(name);
    if (!found) throw new Error(`it has no ${name}`);
    return found;
  };
  const about = JSON.parse(await part("about.json").text()) as Bundle["about"] & { format: unknown };
  if (about.format !== FORMAT) throw new Error(`it has format ${String(about.format)}, this page reads ${FORMAT}`);
  const lines = (await part("facts.jsonl").text()).split("\n").filter(Boolean);
  return {
    about,
    facts: lines.map((line) => JSON.parse(line) as Fact),
    turns: JSON.parse(await part("turns.json").text()) as Turn[],
    user: part("user.opus"),
    agent: part("agent.opus"),
  };
}

/** The loudness of each column of a picture, 0 to 1. */
export function levels(samples: Float32Array, rate: number): Float32Array {
  const step = Math.round((rate * STEP_MS) / 1000);
  const found = new Float32Array(Math.ceil(samples.length / step));
  for (let n = 0; n < found.length; n++) {
    const part = samples.subarray(n * step, (n + 1) * step);
    found[n] = Math.sqrt(part.reduce((sum, value) => sum + value * value, 0) / part.length);
  }
  return found;
}

/** The lanes as they looked at a time of the call. */
export function picture(facts: readonly Fact[], user: Float32Array, agent: Float32Array, now: number): Timeline {
  const timeline = new Timeline();
  const first = Math.max(0, Math.floor((now - SHOWN_MS) / STEP_MS));
  const told = tell(timeline, facts);
  for (let n = first; n * STEP_MS <= now; n++) {
    told((n + 1) * STEP_MS);
    timeline.push(n * STEP_MS, user[n] ?? 0, agent[n] ?? 0);
  }
  return timeline;
}

/** Tells a timeline the facts before a time, which only grows. */
function tell(timeline: Timeline, facts: readonly Fact[]): (until: number) => void {
  let [next, userSince, sounded] = [0, 0, false];
  return (until) => {
    for (let fact = facts[next]; fact && fact.ms < until; fact = facts[++next]) {
      const { ms, event } = fact;
      const happening = HAPPENINGS[event.type];
      if (happening) timeline.happen(happening, ms);
      switch (event.type) {
        case "input_audio_buffer.speech_started":
          userSince = Number(event["audio_start_ms"]);
          break;
        case "talkover.word":
          timeline.say("agent", `${event["item_id"]}:${event["start"]}`, ms, String(event["text"]));
          break;
        case "conversation.item.input_audio_transcription.completed":
          timeline.say("user", String(event["item_id"]), userSince, String(event["transcript"]));
          break;
        case "talkover.backchannel":
          timeline.say("user", String(event["event_id"]), ms, String(event["text"]));
          break;
        case "output_audio_buffer.started":
          sounded = true;
          break;
        case "response.done":
          if ((event["response"] as { status: string }).status === "cancelled" && sounded) timeline.happen("cut", ms);
          sounded = false;
      }
    }
  };
}
