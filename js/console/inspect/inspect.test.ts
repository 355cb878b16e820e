import { expect, test } from "vitest";
import { codeFor } from "./code";
import { EventLog, FAMILIES, MOST, family, gist, passes } from "./eventlog";
import { check } from "./raw";

const all = new Set(FAMILIES);

test("sound is folded into its run, and the sound itself is not kept", () => {
  const log = new EventLog();
  log.add(true, { type: "input_audio_buffer.append", audio: "A".repeat(2560) }, 0);
  log.add(false, { type: "response.output_audio.delta", delta: "AAAA" }, 10);
  log.add(true, { type: "input_audio_buffer.append", audio: "A".repeat(2560) }, 40);
  expect(log.entries.map(({ count }) => count)).toEqual([2, 1]);
  expect(log.entries[0]!.event["audio"]).toBe("1920 bytes");
  log.add(false, { type: "response.done" }, 50);
  log.add(true, { type: "input_audio_buffer.append", audio: "AAAA" }, 80);
  expect(log.entries).toHaveLength(4);
  expect(log.total).toBe(5);
});

test("only the newest thousand are kept, and all are counted", () => {
  const log = new EventLog();
  for (let n = 0; n < MOST + 5; n++) log.add(false, { type: "talkover.state", n }, n);
  expect(log.entries).toHaveLength(MOST);
  expect(log.entries[0]!.event["n"]).toBe(5);
  expect(log.total).toBe(MOST + 5);
});

test("a filter takes families, types and whatever an event says", () => {
  const entry = new EventLog().add(false, { type: "response.done", response: { status: "Cancelled" } }, 0);
  expect(passes(entry, { text: "", families: all })).toBe(true);
  expect(passes(entry, { text: "cancelled", families: all })).toBe(true);
  expect(passes(entry, { text: "session", families: all })).toBe(false);
  expect(passes(entry, { text: "", families: new Set(["session"]) })).toBe(false);
});

test("every type has a family", () => {
  expect(["input_audio_buffer.append", "output_audio_buffer.clear", "error", "session.update", "x"].map(family))
    .toEqual(["sound", "buffer", "error", "session", "talkover"]);
});

test("an event's gist is what tells most of it", () => {
  expect(gist({ type: "error", error: { message: "no such item" } })).toBe("no such item");
  expect(gist({ type: "talkover.turn", response_id: "resp_1", timings: { total: 464.2 } })).toBe("464 ms");
  expect(gist({ type: "talkover.state", user: "speaking", agent: "ducked" })).toBe("user speaking, agent ducked");
  expect(gist({ type: "session.created" })).toBe("");
});

test.each([
  ["", "Write an event"],
  ['{"type": "response.create",}', "position 27"],
  ['{\n  "type": x\n}', "no JSON: Unexpected token 'x'"],
  ["[]", "An event is an object"],
  ["{}", 'It has no "type"'],
  ['{"type": "x", "event_id": 3}', '"event_id" must be a text'],
])("what is wrong with %j is said", (text, wrong) => {
  expect((check(text) as { wrong: string }).wrong).toContain(wrong);
});

test("an event that is right is taken", () => {
  expect(check('{"type": "response.create"}')).toEqual({ event: { type: "response.create" } });
});

test("what a client asks for has the lines of the agent that do it", () => {
  const written = {
    type: "conversation.item.create",
    item: { type: "message", role: "user", content: [{ type: "input_text", text: 'say "hi"' }] },
  };
  expect(codeFor("python", true, written)).toContain("@agent.reply");
  expect(codeFor("javascript", true, written)).toContain('call.type("say \\"hi\\"")');
  expect(codeFor("python", true, { type: "output_audio_buffer.clear" })).toContain("session.interrupt()");
  expect(codeFor("javascript", true, { type: "output_audio_buffer.clear" })).toBe("call.interrupt();\n");
});

test("a tool's call is a function with its arguments", () => {
  const event = { type: "talkover.tool", name: "book", arguments: '{"day": "Monday", "people": 2}', output: "done" };
  expect(codeFor("python", false, event)).toContain('async def book(day: str, people: int) -> str:');
  expect(codeFor("python", false, { ...event, arguments: "{" })).toContain("async def book() -> str:");
});

test("settings are an agent's", () => {
  const session = { instructions: "Be kind.", audio: { input: { turn_detection: { eagerness: "low" } } } };
  const code = codeFor("python", true, { type: "session.update", session });
  expect(code).toContain('instructions="Be kind."');
  expect(code).toContain('turns="patient"');
});

test("what no agent does, a backend does; values are Python's", () => {
  const event = { type: "conversation.item.delete", item_id: "item_1", really: true, why: null };
  const code = codeFor("python", true, event);
  expect(code).toContain("/events");
  expect(code).toContain('"really": True');
  expect(code).toContain('"why": None');
  expect(codeFor("python", false, { type: "rate_limits.updated" })).toContain("client.realtime.connect");
});

test("an event that came is handled by its type", () => {
  const code = codeFor("javascript", false, { type: "response.done", event_id: "e", response: {} });
  expect(code).toContain('event.type === "response.done"');
  expect(code).toContain('event["response"]');
});
