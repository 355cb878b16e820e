import { afterEach, expect, test, vi } from "vitest";
import { Call, type Options } from "./call";
import { CallError, type RealtimeEvent } from "./events";
import { ScriptedServer, type Script } from "./testing";

afterEach(() => vi.useRealTimers());

/** A live call, and what it said of its states. */
async function called(
  script: Script = {}, options: Partial<Options> = {},
): Promise<{ server: ScriptedServer; call: Call; states: string[] }> {
  const [server, states] = [new ScriptedServer(script), [] as string[]];
  const onState = (state: string, reason: string): void => void states.push(`${state} ${reason}`.trim());
  const call = new Call({ ...server.options, onState, ...options });
  await call.connect();
  return { server, call, states };
}

const kinds = ({ sent }: ScriptedServer): string[] => sent.map(({ type }) => type);
const CLEAR = "output_audio_buffer.clear";

test("what the server tells reaches the page, in order, and what the page asks the server", async () => {
  const told: string[] = [];
  const { server, call } = await called({}, { onEvent: ({ type }) => told.push(type) });
  server.tell({ type: "session.created" });
  server.tell({ type: "response.created" });
  call.type("hello");
  expect(told).toEqual(["session.created", "response.created"]);
  call.hangUp();
  call.type("too late");
  expect(kinds(server)).toEqual([CLEAR, "conversation.item.create", "response.create"]);
});

test("a call that is cut off comes back, and one that the server no longer knows has ended", async () => {
  const { server, call, states } = await called();
  server.cut("the server was restarted");
  await vi.waitFor(() => expect(call.state).toBe("live"));
  server.refuse(new CallError("There is no such session.", "session_not_found", 404));
  server.cut("gone");
  await vi.waitFor(() => expect(call.state).toBe("ended"));
  expect(states).toEqual([
    "connecting", "live", "reconnecting the server was restarted", "live resumed", "reconnecting gone",
    "ended gone",
  ]);
  expect(server.connected).toBe(false);
});

test("where one way does not get through the next is taken, and where none does it is said", async () => {
  const server = new ScriptedServer({ transport: "websocket" });
  const { ways, microphone } = server.options;
  const call = new Call({ ways: [async () => null, ...ways], microphone });
  await call.connect();
  expect(call.transport).toBe("websocket");
  const without = new Call({ ways: [async () => null], microphone });
  await expect(without.connect()).rejects.toMatchObject({ code: "blocked" });
});

test("a call goes on at another server once this one lets it go", async () => {
  const [first, second] = [new ScriptedServer(), new ScriptedServer()];
  const reasons: string[] = [];
  const call = new Call({
    ...first.options,
    ways: [(...given) => (first.connected ? second : first).options.ways[0]!(...given)],
    onState: (_, reason) => reasons.push(reason),
  });
  await call.connect();
  first.tell({ type: "talkover.move" });
  await vi.waitFor(() => expect(kinds(first)).toEqual(["talkover.moving"]));
  first.tell({ type: "talkover.ended", how: "moved", reason: "moved" });
  expect(kinds(second)).toEqual(["talkover.resume"]);
  expect([call.state, reasons.at(-1)]).toEqual(["live", "moved"]);
});

test("a pushed turn is cleared, said and committed, and the microphone is open only meanwhile", async () => {
  vi.useFakeTimers();
  const { server, call } = await called();
  call.mute(true);
  call.press();
  expect(server.muted).toBe(false);
  expect(kinds(server)).toEqual([CLEAR, "input_audio_buffer.clear"]);
  vi.advanceTimersByTime(1000);
  call.release();
  // What was said last is still on its way.
  expect(server.muted).toBe(false);
  vi.advanceTimersByTime(1000);
  expect(server.muted).toBe(true);
  expect(kinds(server).slice(2)).toEqual(["input_audio_buffer.commit", "response.create"]);
});

test("a slip of the finger asks nothing, and a turn that is pushed on is one turn", async () => {
  vi.useFakeTimers();
  const { server, call } = await called();
  call.press();
  call.release();
  vi.advanceTimersByTime(1000);
  expect(kinds(server)).toEqual([CLEAR, "input_audio_buffer.clear", "input_audio_buffer.clear"]);
  server.sent.length = 0;
  call.press();
  vi.advanceTimersByTime(500);
  call.release();
  vi.advanceTimersByTime(100);
  call.press();
  vi.advanceTimersByTime(500);
  call.release();
  vi.advanceTimersByTime(1000);
  expect(kinds(server)).toEqual([
    CLEAR, "input_audio_buffer.clear", "input_audio_buffer.commit", "response.create",
  ]);
});

test("a turn that was still on its way when the call ended neither goes out nor mutes", async () => {
  vi.useFakeTimers();
  const { server, call } = await called();
  call.press();
  vi.advanceTimersByTime(500);
  call.release();
  call.hangUp();
  vi.advanceTimersByTime(1000);
  expect([kinds(server).length, server.muted]).toEqual([2, false]);
});

test("a picture is asked about, with a text or without", async () => {
  const { server, call } = await called();
  await call.show(new Blob([new Uint8Array([1, 2, 3])], { type: "image/png" }), "What is this?");
  expect(kinds(server)).toEqual([CLEAR, "conversation.item.create", "response.create"]);
  expect(server.sent[1]?.["item"]).toEqual({
    type: "message", role: "user",
    content: [
      { type: "input_image", image_url: "data:image/png;base64,AQID" },
      { type: "input_text", text: "What is this?" },
    ],
  });
  await call.show("data:image/jpeg;base64,AQID");
  expect((server.sent[4]?.["item"] as { content: object[] }).content).toHaveLength(1);
});

test("what is no picture, or too large a one, is refused before anything is asked", async () => {
  const { server, call } = await called({ mostBytes: 2000 });
  await expect(call.show(new Blob(["x"], { type: "text/plain" }))).rejects.toMatchObject({ code: "no_picture" });
  await expect(call.show("https://there/x.png")).rejects.toMatchObject({ code: "no_picture" });
  const large = new Blob([new Uint8Array(2000)], { type: "image/png" });
  await expect(call.show(large)).rejects.toMatchObject({ code: "too_large" });
  expect(server.sent).toEqual([]);
});

test("a server that is no Talkover is told nothing of ours, and stopped in its own words", async () => {
  const { server, call } = await called({ extended: false });
  const created: RealtimeEvent = { type: "response.created", response: {} };
  call.type("hello");
  server.tell(created);
  call.interrupt();
  server.tell({ type: "response.done", response: {} });
  call.interrupt();
  expect(() => call.message("cart", {})).toThrow(expect.objectContaining({ code: "no_extensions" }));
  expect(kinds(server)).toEqual([
    CLEAR, "conversation.item.create", "response.create", "response.cancel", CLEAR, CLEAR,
  ]);
});

const SPEECH: RealtimeEvent = { type: "input_audio_buffer.speech_started" };
const detecting = (interrupt_response?: boolean): RealtimeEvent => ({
  type: "session.updated", session: { audio: { input: { turn_detection: { interrupt_response } } } },
});

test.each([
  ["cancels it as well, where the server does not say that it does", undefined, ["response.cancel", CLEAR]],
  ["leaves the cancelling to a server that does it", true, [CLEAR]],
  ["lets it go on, where the session says so", false, []],
])("over a WebSocket elsewhere, a user who talks over an answer stops it: the call %s", async (_, yields, sent) => {
  const { server } = await called({ extended: false, transport: "websocket" });
  server.tell(detecting(yields));
  server.tell({ type: "response.created", response: {} });
  server.tell(SPEECH);
  expect(kinds(server)).toEqual(sent);
});

test("over a WebSocket elsewhere, an answer that is played but done is stopped and not cancelled", async () => {
  const { server } = await called({ extended: false, transport: "websocket" });
  server.tell({ type: "response.created", response: {} });
  server.tell({ type: "response.done", response: {} });
  server.tell(SPEECH);
  expect(kinds(server)).toEqual([CLEAR]);
});

test.each<Script>([{ extended: false }, { transport: "websocket" }])(
  "a server that stops its voice itself, %o, is told nothing of a user who talks over it", async (script) => {
    const { server } = await called(script);
    server.tell({ type: "response.created", response: {} });
    server.tell(SPEECH);
    expect(server.sent).toEqual([]);
  },
);

test("a call to a server that is no Talkover has ended where it is cut off", async () => {
  const { server, call, states } = await called({ extended: false });
  server.cut("the connection was lost");
  expect(call.state).toBe("ended");
  expect(states.at(-1)).toBe("ended the connection was lost");
});
