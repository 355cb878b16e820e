import type { RealtimeEvent } from "../../client";
import type { Timings } from "./account";

/** What one side said in one go, and what became of it. */
export interface Line {
  id: string;
  who: "user" | "agent";
  /** Milliseconds since the call began. */
  at: number;
  text: string;
  /** The recogniser may still change its mind. */
  partial: boolean;
  typed: boolean;
  /** Said to its end, or cut. */
  over: boolean;
  /** Characters spoken so far, and the word that sounds now. */
  spoken: number;
  word: [number, number] | null;
  /** Characters heard of an answer that was cut; null while nothing was cut. */
  heard: number | null;
  /** Things that the user murmured meanwhile, each at a character. */
  murmurs: { at: number; text: string }[];
  timings: Timings | null;
}

export interface ToolRow {
  id: string;
  at: number;
  name: string;
  arguments: string;
  phase: string;
  output: string | null;
  ms: number | null;
}

export interface Remark {
  id: string;
  text: string;
}

export type Entry =
  | { kind: "line"; line: Line }
  | { kind: "tool"; tool: ToolRow }
  | { kind: "error"; remark: Remark };

/** A stretch of a line that looks alike. */
export interface Stretch {
  as: "said" | "word" | "ahead" | "unheard" | "murmur";
  text: string;
}

type Fields = Record<string, unknown>;
const UNTOLD = "…";

/** The conversation as it is shown, built from the events alone. */
export class Transcript {
  entries: Entry[] = [];
  private readonly lines = new Map<string, Line>();
  private readonly replies = new Map<string, string>();
  private hearing = "";
  private errors = 0;

  /** Takes an event that came at `at`; true where something changed. */
  take(event: RealtimeEvent, at = 0): boolean {
    const item = String(event["item_id"] ?? "");
    switch (event.type) {
      case "session.created":
        return this.cutOff();
      case "talkover.partial":
        this.hearing = item;
        this.of(item, "user", at, { text: String(event["text"]), partial: true });
        return true;
      case "conversation.item.input_audio_transcription.completed":
        this.hearing = "";
        this.of(item, "user", at, { text: String(event["transcript"]), partial: false, over: true });
        return true;
      case "conversation.item.input_audio_transcription.failed":
        return this.forget(item);
      case "input_audio_buffer.cleared":
        return this.forget(this.hearing);
      case "conversation.item.added":
        return this.added(event["item"] as Fields, at);
      case "response.output_audio_transcript.delta":
      case "response.output_text.delta":
        return this.more(event, item, at);
      case "talkover.word": {
        // One that seemed cut off may go on.
        const line = this.of(item, "agent", at, { over: false, heard: null });
        line.word = [Number(event["start"]), Number(event["end"])];
        // Whoever looks on from the middle of an answer was not told its beginning.
        if (line.text.length < line.word[1]) {
          line.text = (line.text || UNTOLD).padEnd(line.word[0]) + String(event["text"]);
        }
        line.spoken = line.word[1];
        return true;
      }
      case "talkover.heard":
        return this.heard(item, String(event["text"]));
      case "talkover.turn": {
        const line = this.lines.get(this.replies.get(String(event["response_id"])) ?? "");
        if (line) line.timings = event["timings"] as Timings;
        return line !== undefined;
      }
      case "talkover.tool":
        return this.tool(event, at);
      case "talkover.backchannel":
        return this.murmured(String(event["text"]));
      case "error":
        return this.failed(String((event["error"] as Fields)["message"]));
      default:
        return false;
    }
  }

  /** Of all answers that were voiced after something was said: the silences heard, in ms. */
  get silences(): number[] {
    return [...this.lines.values()].flatMap((line) => line.timings?.["total"] ?? []);
  }

  private more(event: RealtimeEvent, item: string, at: number): boolean {
    const line = this.of(item, "agent", at, {});
    line.text += String(event["delta"]);
    if (!this.replies.has(String(event["response_id"]))) {
      this.replies.set(String(event["response_id"]), item);
    }
    if (event.type === "response.output_text.delta") line.spoken = line.text.length;
    return true;
  }

  private added(item: Fields, at: number): boolean {
    if (item["type"] !== "message") return false;
    const part = (item["content"] as Fields[])[0];
    if (typeof part?.["transcript"] === "string") return this.recalled(item, part["transcript"], at);
    if (item["role"] !== "user" || part?.["type"] !== "input_text") return false;
    const fields = { text: String(part["text"]), typed: true, over: true };
    this.of(String(item["id"]), "user", at, fields);
    return true;
  }

  /** A session goes on elsewhere: what was being said there has ended where it was heard. */
  private cutOff(): boolean {
    const open = [...this.lines.values()].filter(({ who, over }) => who === "agent" && !over);
    for (const line of open) this.heard(line.id, line.text.slice(0, line.word?.[0] ?? 0));
    return open.length > 0;
  }

  /** What was said before the connection broke; of an answer that was cut off, what was heard. */
  private recalled(item: Fields, text: string, at: number): boolean {
    const id = String(item["id"]);
    if (item["role"] === "user") this.of(id, "user", at, { text, partial: false, over: true });
    else if (!text) return false;
    else if (!this.lines.has(id)) this.of(id, "agent", at, { text, over: true });
    else if (item["status"] !== "in_progress") return this.heard(id, text);
    return true;
  }

  private heard(item: string, text: string): boolean {
    const line = this.lines.get(item);
    if (!line) return false;
    line.word = null;
    line.over = true;
    if (line.text.startsWith(UNTOLD)) line.text = text;
    line.spoken = line.text.length;
    if (text.length < line.text.trimEnd().length) line.heard = text.length;
    return true;
  }

  private murmured(text: string): boolean {
    const line = [...this.lines.values()].findLast(({ who, over }) => who === "agent" && !over);
    line?.murmurs.push({ at: line.word?.[0] ?? line.spoken, text });
    return line !== undefined;
  }

  private tool(event: RealtimeEvent, at: number): boolean {
    const id = String(event["call_id"]);
    const known = this.entries.find((entry) => entry.kind === "tool" && entry.tool.id === id);
    const tool: ToolRow = {
      id,
      at: known?.kind === "tool" ? known.tool.at : at,
      name: String(event["name"]),
      arguments: String(event["arguments"]),
      phase: String(event["phase"]),
      output: event["output"] === null ? null : String(event["output"] ?? ""),
      ms: event["ms"] === null ? null : Number(event["ms"]),
    };
    if (known?.kind === "tool") known.tool = tool;
    else this.entries.push({ kind: "tool", tool });
    return true;
  }

  private failed(text: string): boolean {
    this.entries.push({ kind: "error", remark: { id: `error-${++this.errors}`, text } });
    return true;
  }

  /** What turned out to be no turn leaves no line. */
  private forget(item: string): boolean {
    if (!this.lines.get(item)?.partial) return false;
    this.lines.delete(item);
    this.entries = this.entries.filter((entry) => entry.kind !== "line" || entry.line.id !== item);
    return true;
  }

  private of(id: string, who: Line["who"], at: number, fields: Partial<Line>): Line {
    let line = this.lines.get(id);
    if (!line) {
      line = {
        id, who, at, text: "", partial: false, typed: false, over: false, spoken: 0, word: null,
        heard: null, murmurs: [], timings: null,
      };
      this.lines.set(id, line);
      this.entries.push({ kind: "line", line });
    }
    return Object.assign(line, fields);
  }
}

/** A line as stretches: spoken, the word that sounds, what is ahead, what was never heard. */
export function stretches(line: Line): Stretch[] {
  const { text, heard, word, spoken, over, who } = line;
  const parts: [number, Stretch["as"]][] = [];
  if (heard !== null) parts.push([heard, "said"], [text.length, "unheard"]);
  else if (who === "user" || over) parts.push([text.length, "said"]);
  else if (word) parts.push([word[0], "said"], [word[1], "word"], [text.length, "ahead"]);
  else parts.push([spoken, "said"], [text.length, "ahead"]);
  const found: Stretch[] = [];
  let from = 0;
  for (const [to, as] of parts) {
    for (const murmur of line.murmurs) {
      const inside = murmur.at >= from && (murmur.at < to || to === text.length);
      if (!inside || murmur.at < from) continue;
      if (murmur.at > from) found.push({ as, text: text.slice(from, murmur.at) });
      found.push({ as: "murmur", text: murmur.text });
      from = murmur.at;
    }
    if (to > from) found.push({ as, text: text.slice(from, to) });
    from = Math.max(from, to);
  }
  return found;
}
