import type { RealtimeEvent } from "../../client";

export type Checked = { event: RealtimeEvent } | { wrong: string };

/** An event that somebody wrote, or what is wrong with it. */
export function check(text: string): Checked {
  if (!text.trim()) return { wrong: "Write an event: {\"type\": …}" };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { wrong: `This is no JSON: ${plain(String((error as Error).message))}` };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { wrong: "An event is an object: {\"type\": …}" };
  }
  const event = value as RealtimeEvent;
  if (typeof event.type !== "string" || !event.type) {
    return { wrong: "It has no \"type\", which is a text such as \"response.create\"." };
  }
  if (event.event_id !== undefined && typeof event.event_id !== "string") {
    return { wrong: "Its \"event_id\" must be a text." };
  }
  return { event };
}

/** The browser's word on it; the text that some show with it is beside it anyway. */
const plain = (message: string) =>
  message.replace(/^JSON\.parse: |, (\.\.\.)?"[^]* is not valid JSON$/g, "");
