import { expect, test } from "vitest";
import { chosen, merge, ordered, silence, type Figures, type Line } from "./fleet";
import { history } from "./history";
import { Schedule } from "./schedule";

function line(id: string, fields: Partial<Line> = {}): Line {
  return {
    id, call_id: `rtc_${id}`, status: "live", agent: "concierge", user: null, metadata: {}, node: "a",
    transport: "udp", began_at: 100, ended_at: null, reason: null, ...fields,
  };
}

function figures(turns: number, p50: number | null, p95: number | null, last = p50): Figures {
  return { turns, interruptions: 0, errors: 0, tools: 0, last_ms: last, p50_ms: p50, p95_ms: p95 };
}

const ids = (lines: Line[]) => lines.map(({ id }) => id);

test("a session is told once, by the node that it lives on", () => {
  const found = merge([
    [line("1", { status: "elsewhere" }), line("2")],
    [line("1", { figures: figures(3, 400, 800) }), line("2", { status: "elsewhere" })],
    [line("3", { status: "ended" })],
    [line("3", { status: "elsewhere" })],
  ]);
  expect(Object.fromEntries(found.map(({ id, status }) => [id, status]))).toEqual({
    1: "live", 2: "live", 3: "ended",
  });
  expect(found.find(({ id }) => id === "1")?.figures?.turns).toBe(3);
});

test("each word of a filter must be somewhere in a line", () => {
  const lines = [
    line("1", { user: "Ada", metadata: { plan: "gold" } }),
    line("2", { user: "Ada" }),
    line("3", { user: "Ada", status: "ended", reason: "hung up" }),
  ];
  expect(ids(chosen(lines, "ada GOLD", "all"))).toEqual(["1"]);
  expect(ids(chosen(lines, "", "live"))).toEqual(["1", "2"]);
  expect(ids(chosen(lines, "hung", "ended"))).toEqual(["3"]);
});

test("lines are ordered either way, and what is not known comes last", () => {
  const lines = [
    line("1", { figures: figures(1, 300, 300) }),
    line("2"),
    line("3", { figures: figures(1, 100, 100) }),
    line("4", { figures: figures(1, 200, 200) }),
  ];
  expect(ids(ordered(lines, { by: "last", down: false }, 0))).toEqual(["3", "4", "1", "2"]);
  expect(ids(ordered(lines, { by: "last", down: true }, 0))).toEqual(["1", "4", "3", "2"]);
});

test("what is the same stays with the newest first; a call that lasts still is as old as now", () => {
  const lines = [
    line("old", { began_at: 10 }), line("new", { began_at: 90 }),
    line("over", { began_at: 0, ended_at: 50 }),
  ];
  expect(ids(ordered(lines, { by: "agent", down: false }, 100))).toEqual(["new", "old", "over"]);
  expect(ids(ordered(lines, { by: "duration", down: true }, 100))).toEqual(["old", "over", "new"]);
});

test("the silences of all calls are put together by how many turns each had", () => {
  const one = [line("1", { figures: figures(10, 400, 800) })];
  expect(silence(one, 0.5)).toBe(400);
  expect(silence(one, 0.95)).toBe(800);
  const two = [...one, line("2", { figures: figures(1, 2000, 3000) })];
  expect(silence(two, 0.5)).toBeGreaterThan(400);
  expect(silence(two, 0.5)).toBeLessThan(500);
  expect(silence(two, 0.95)).toBeGreaterThan(800);
  expect(silence([line("3"), line("4", { figures: figures(0, null, null) })], 0.5)).toBeNull();
});

test("packets follow each other without a gap, though they come unevenly", () => {
  const schedule = new Schedule();
  const starts = [10, 10.03, 10.035, 10.08].map((now, n) => schedule.when(n * 0.02, 0.02, now)!);
  starts.forEach((start, n) => expect(start).toBeCloseTo(10.25 + n * 0.02));
});

test("a pause stays as long as it was, and what comes too late waits for no cushion twice", () => {
  const schedule = new Schedule();
  schedule.when(0, 0.02, 10);
  expect(schedule.when(3, 0.02, 13)).toBeCloseTo(13.25);
  // Half a second late: from now on everything is that much later.
  expect(schedule.when(3.02, 0.02, 13.5)).toBeCloseTo(13.75);
  expect(schedule.when(3.04, 0.02, 13.51)).toBeCloseTo(13.77);
});

test("what has fallen a second behind is skipped until it has caught up", () => {
  const schedule = new Schedule();
  const starts = Array.from({ length: 100 }, (_, n) => schedule.when(n * 0.02, 0.02, 10));
  expect(starts.filter((start) => start !== null)).toHaveLength(38);
  expect(schedule.when(2.0, 0.02, 10.7)).toBeNull();
  expect(schedule.when(2.2, 0.02, 10.95)).toBeCloseTo(11.2);
});

test("a conversation that was kept is told as the events that it came with", () => {
  const events = history([
    { id: "i1", type: "message", role: "user", status: "completed", content: [{ type: "input_text", text: "hi" }] },
    { id: "i2", type: "function_call", call_id: "c1", name: "book", arguments: "{}" },
    { id: "i3", type: "function_call_output", call_id: "c1", output: "done" },
    { id: "i4", type: "function_call", call_id: "c2", name: "pay", arguments: "{}" },
    { id: "i5", type: "message", role: "assistant", content: [{ type: "output_text", text: "Booked." }] },
  ]);
  expect(events.map(({ type }) => type)).toEqual([
    "conversation.item.added", "talkover.tool", "talkover.tool", "conversation.item.added",
  ]);
  expect(events[1]).toMatchObject({ name: "book", phase: "done", output: "done" });
  expect(events[2]).toMatchObject({ name: "pay", phase: "started", output: null });
  expect(events[3]).toMatchObject({ item: { content: [{ transcript: "Booked." }] } });
});
