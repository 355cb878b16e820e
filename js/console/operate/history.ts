import type { RealtimeEvent } from "../../client";

export type Item = Record<string, unknown>;
type Part = Record<string, unknown>;

/** Items that were kept, as the events that would have told them. Pure. */
export function history(items: Item[]): RealtimeEvent[] {
  const outputs = new Map(
    items.flatMap((item) => (item["type"] === "function_call_output" ? [[item["call_id"], item["output"]]] : [])),
  );
  return items.flatMap((item): RealtimeEvent[] => {
    if (item["type"] === "message") return [{ type: "conversation.item.added", item: spoken(item) }];
    if (item["type"] !== "function_call") return [];
    const { call_id, name, arguments: given } = item;
    const output = outputs.get(call_id) ?? null;
    const phase = output === null ? "started" : "done";
    return [{ type: "talkover.tool", call_id, name, arguments: given, phase, output, ms: null }];
  });
}

/** What an agent wrote reads like what it said. */
function spoken(item: Item): Item {
  if (item["role"] !== "assistant") return item;
  const content = (item["content"] as Part[]).map((part) => ({ ...part, transcript: part["transcript"] ?? part["text"] }));
  return { ...item, content };
}
