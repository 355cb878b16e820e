import { expect, test } from "vitest";
import { Transcript, type Line } from "./transcript";

const lines = (t: Transcript): Line[] =>
  t.entries.flatMap((entry) => (entry.kind === "line" ? [entry.line] : []));

test("partials become the final words of the same line", () => {
  const t = new Transcript();
  t.take({ type: "talkover.partial", item_id: "u", text: "what time" });
  expect(lines(t)[0]).toMatchObject({ text: "what time", partial: true });
  t.take({
    type: "conversation.item.input_audio_transcription.completed",
    item_id: "u", transcript: "What time is it?",
  });
  expect(lines(t)).toHaveLength(1);
  expect(lines(t)[0]).toMatchObject({ text: "What time is it?", partial: false });
});

test("what was not heard is known by its place", () => {
  const t = new Transcript();
  for (const delta of ["Once upon ", "a time."]) {
    t.take({ type: "response.output_audio_transcript.delta", item_id: "a", response_id: "r", delta });
  }
  t.take({ type: "talkover.word", item_id: "a", response_id: "r", start: 5, end: 9, text: "upon" });
  expect(lines(t)[0]).toMatchObject({ word: [5, 9], heard: null });
  t.take({ type: "talkover.heard", item_id: "a", response_id: "r", text: "Once upon" });
  expect(lines(t)[0]).toMatchObject({ word: null, heard: 9 });
});

test("an answer heard to its end has nothing struck out", () => {
  const t = new Transcript();
  t.take({ type: "response.output_audio_transcript.delta", item_id: "a", response_id: "r", delta: "Hi. " });
  t.take({ type: "talkover.heard", item_id: "a", response_id: "r", text: "Hi." });
  expect(lines(t)[0]?.heard).toBeNull();
});

test("a tool is one row from its start to its result", () => {
  const t = new Transcript();
  const step = { type: "talkover.tool", call_id: "c", name: "f", arguments: "{}" };
  t.take({ ...step, phase: "started", output: null, ms: null });
  t.take({ ...step, phase: "done", output: "42", ms: 3 });
  expect(t.entries).toHaveLength(1);
  expect(t.entries[0]).toMatchObject({ tool: { phase: "done", output: "42", ms: 3 } });
});

test("events that it does not know change nothing", () => {
  const t = new Transcript();
  expect(t.take({ type: "session.created" })).toBe(false);
  expect(t.entries).toHaveLength(0);
});
