import type { RealtimeEvent } from "../../client";

/** A character range of a line, and what became of it. */
export interface Line {
  id: string;
  who: "user" | "agent";
  text: string;
  /** The recogniser may still change its mind. */
  partial: boolean;
  typed: boolean;
  /** Characters spoken so far, and the word that sounds now. */
  spoken: number;
  word: [number, number] | null;
  /** Characters heard of an answer that was cut; null while nothing was cut. */
  heard: number | null;
  failed: boolean;
  timings: Record<string, number> | null;
}

export interface ToolRow {
  id: string;
  name: string;
  arguments: string;
  phase: string;
  output: string | null;
  ms: number | null;
}

export type Entry =
  | { kind: "line"; line: Line }
  | { kind: "tool"; tool: ToolRow }
  | { kind: "mark"; id: string; text: string; error: boolean };

type Fields = Record<string, unknown>;

/** The conversation as it is shown, built from the events alone. */
export class Transcript {
  readonly entries: Entry[] = [];
  private readonly lines = new Map<string, Line>();
  private readonly replies = new Map<string, string>();
  private marks = 0;

  /** Takes an event; true where something changed. */
  take(event: RealtimeEvent): boolean {
    const item = String(event["item_id"] ?? "");
    switch (event.type) {
      case "talkover.partial":
        this.of(item, "user", { text: String(event["text"]), partial: true });
        return true;
      case "conversation.item.input_audio_transcription.completed":
        this.of(item, "user", { text: String(event["transcript"]), partial: false });
        return true;
      case "conversation.item.added":
        return this.added(event["item"] as Fields);
      case "response.output_audio_transcript.delta":
      case "response.output_text.delta": {
        const line = this.of(item, "agent", {});
        line.text += String(event["delta"]);
        this.replies.set(String(event["response_id"]), item);
        if (event.type === "response.output_text.delta") line.spoken = line.text.length;
        return true;
      }
      case "talkover.word": {
        const line = this.of(item, "agent", {});
        line.word = [Number(event["start"]), Number(event["end"])];
        line.spoken = line.word[1];
        return true;
      }
      case "talkover.heard":
        return this.heard(item, String(event["text"]));
      case "talkover.turn": {
        const line = this.lines.get(this.replies.get(String(event["response_id"])) ?? "");
        if (line) line.timings = event["timings"] as Record<string, number>;
        return line !== undefined;
      }
      case "talkover.tool":
        return this.tool(event);
      case "talkover.backchannel":
        return this.mark(`“${String(event["text"])}”`, false);
      case "error":
        return this.mark(String((event["error"] as Fields)["message"]), true);
      default:
        return false;
    }
  }

  private added(item: Fields): boolean {
    if (item["type"] !== "message" || item["role"] !== "user") return false;
    const part = (item["content"] as Fields[])[0];
    if (part?.["type"] !== "input_text") return false;
    this.of(String(item["id"]), "user", { text: String(part["text"]), typed: true });
    return true;
  }

  private heard(item: string, text: string): boolean {
    const line = this.lines.get(item);
    if (!line) return false;
    line.word = null;
    line.spoken = line.text.length;
    if (text.length < line.text.trimEnd().length) line.heard = text.length;
    return true;
  }

  private tool(event: RealtimeEvent): boolean {
    const id = String(event["call_id"]);
    const known = this.entries.find((entry) => entry.kind === "tool" && entry.tool.id === id);
    const tool: ToolRow = {
      id,
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

  private mark(text: string, error: boolean): boolean {
    this.entries.push({ kind: "mark", id: `mark-${++this.marks}`, text, error });
    return true;
  }

  private of(id: string, who: Line["who"], fields: Partial<Line>): Line {
    let line = this.lines.get(id);
    if (!line) {
      line = {
        id, who, text: "", partial: false, typed: false, spoken: 0, word: null, heard: null,
        failed: false, timings: null,
      };
      this.lines.set(id, line);
      this.entries.push({ kind: "line", line });
    }
    return Object.assign(line, fields);
  }
}
