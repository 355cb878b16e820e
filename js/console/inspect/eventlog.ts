import type { RealtimeEvent } from "../../client";

export const FAMILIES = [
  "session", "conversation", "response", "buffer", "talkover", "error", "sound",
] as const;
export type Family = (typeof FAMILIES)[number];

/** One event, or a run of sounds, of which it is the last. */
export interface Entry {
  n: number;
  /** By this side; else by the server. */
  sent: boolean;
  /** Milliseconds since the call began. */
  at: number;
  event: RealtimeEvent;
  /** How many are folded into it. */
  count: number;
}

export interface Filter {
  text: string;
  families: ReadonlySet<Family>;
}

export const MOST = 1000;
const LONGEST = 160;
const SOUNDS: Record<string, string> = {
  "input_audio_buffer.append": "audio", "response.output_audio.delta": "delta",
  "talkover.packet": "opus",
};
/** What tells most of an event in few words, the first that it has. */
const TELLING = [
  "error.message", "response.status", "transcript", "delta", "why", "text", "reason", "name", "item.content.0.text",
  "item.content.0.transcript", "item.role",
  "item.type", "timings.total", "transport", "item_id", "response_id",
];

/** The newest events, both ways. Sound is folded into one entry for each run, without the sound. */
export class EventLog {
  readonly entries: Entry[] = [];
  /** Of all, those included that are not kept any more. */
  total = 0;

  /** The entry that is new, or that grew. */
  add(sent: boolean, event: RealtimeEvent, at: number): Entry {
    const sound = family(event.type) === "sound";
    const open = sound ? this.run(sent, event.type) : undefined;
    this.total++;
    if (open) return Object.assign(open, { event: slim(event), count: open.count + 1 });
    const entry = { n: this.total, sent, at, event: slim(event), count: 1 };
    this.entries.push(entry);
    if (this.entries.length > MOST) this.entries.shift();
    return entry;
  }

  clear(): void {
    this.entries.length = this.total = 0;
  }

  /** The run of that sound that nothing but sound has followed. */
  private run(sent: boolean, type: string): Entry | undefined {
    for (let n = this.entries.length - 1; n >= 0; n--) {
      const entry = this.entries[n]!;
      if (family(entry.event.type) !== "sound") return undefined;
      if (entry.event.type === type && entry.sent === sent) return entry;
    }
    return undefined;
  }
}

export function family(type: string): Family {
  if (type in SOUNDS) return "sound";
  const [first = ""] = type.split(".");
  if (first.endsWith("audio_buffer")) return "buffer";
  return FAMILIES.find((name) => name === first) ?? (first.includes("session") ? "session" : "talkover");
}

export function passes({ event }: Entry, { text, families }: Filter): boolean {
  if (!families.has(family(event.type))) return false;
  const wanted = text.trim().toLowerCase();
  return !wanted || event.type.includes(wanted) || JSON.stringify(event).toLowerCase().includes(wanted);
}

/** An event in a few words. */
export function gist(event: RealtimeEvent): string {
  if (event.type === "talkover.state") return `user ${event["user"]}, agent ${event["agent"]}`;
  for (const path of TELLING) {
    const found = path.split(".").reduce<unknown>(
      (value, name) => (value as Record<string, unknown> | null | undefined)?.[name], event,
    );
    if (typeof found === "number") return `${Math.round(found)} ms`;
    if (typeof found === "string" && found) return found.slice(0, LONGEST);
  }
  return "";
}

function slim(event: RealtimeEvent): RealtimeEvent {
  const field = SOUNDS[event.type];
  const sound = field && event[field];
  if (typeof sound !== "string") return event;
  return { ...event, [field!]: `${Math.floor((sound.length * 3) / 4)} bytes` };
}
