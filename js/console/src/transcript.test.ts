import { describe, expect, test } from "vitest";
import { stretches, Transcript, type Line } from "./transcript";

const lines = (t: Transcript): Line[] =>
  t.entries.flatMap((entry) => (entry.kind === "line" ? [entry.line] : []));
const shown = (t: Transcript) => stretches(lines(t)[0]!).map(({ as, text }) => [as, text]);
const said = (t: Transcript, ...deltas: string[]) => {
  for (const delta of deltas) {
    t.take({ type: "response.output_audio_transcript.delta", item_id: "a", response_id: "r", delta });
  }
};
const word = (t: Transcript, start: number, end: number) =>
  t.take({ type: "talkover.word", item_id: "a", response_id: "r", start, end });
const heard = (t: Transcript, text: string) =>
  t.take({ type: "talkover.heard", item_id: "a", response_id: "r", text });

test("partials become the final words of the same line", () => {
  const t = new Transcript();
  t.take({ type: "talkover.partial", item_id: "u", text: "what time" }, 1200);
  expect(lines(t)[0]).toMatchObject({ text: "what time", partial: true, at: 1200 });
  t.take(
    {
      type: "conversation.item.input_audio_transcription.completed",
      item_id: "u", transcript: "What time is it?",
    },
    2400,
  );
  expect(lines(t)).toHaveLength(1);
  expect(lines(t)[0]).toMatchObject({ text: "What time is it?", partial: false, at: 1200 });
});

test("what turned out to be no turn leaves no line", () => {
  const t = new Transcript();
  t.take({ type: "talkover.partial", item_id: "u", text: "uh" });
  t.take({ type: "input_audio_buffer.cleared" });
  expect(t.entries).toHaveLength(0);
});

describe("an answer", () => {
  test("shows the word that sounds and what is ahead", () => {
    const t = new Transcript();
    said(t, "Once upon ", "a time.");
    word(t, 5, 9);
    expect(shown(t)).toEqual([["said", "Once "], ["word", "upon"], ["ahead", " a time."]]);
  });

  test("that was cut strikes out what was not heard", () => {
    const t = new Transcript();
    said(t, "Once upon a time.");
    word(t, 5, 9);
    heard(t, "Once upon");
    expect(shown(t)).toEqual([["said", "Once upon"], ["unheard", " a time."]]);
  });

  test("heard to its end has nothing struck out", () => {
    const t = new Transcript();
    said(t, "Hi. ");
    heard(t, "Hi.");
    expect(shown(t)).toEqual([["said", "Hi. "]]);
  });

  test("keeps an mm-hm where it was murmured", () => {
    const t = new Transcript();
    said(t, "Once upon a time.");
    word(t, 5, 9);
    t.take({ type: "talkover.backchannel", text: "mm-hm" });
    word(t, 10, 11);
    expect(shown(t)).toEqual([
      ["said", "Once "], ["murmur", "mm-hm"], ["said", "upon "], ["word", "a"], ["ahead", " time."],
    ]);
    heard(t, "Once upon a time.");
    expect(shown(t)).toEqual([
      ["said", "Once "], ["murmur", "mm-hm"], ["said", "upon a time."],
    ]);
  });

  test("has the account of its first item, tools or not", () => {
    const t = new Transcript();
    said(t, "One moment.");
    t.take({
      type: "response.output_audio_transcript.delta", item_id: "b", response_id: "r", delta: "Done.",
    });
    t.take({ type: "talkover.turn", response_id: "r", timings: { wait: 96, total: 180 } });
    expect(lines(t).map((l) => l.timings?.["total"])).toEqual([180, undefined]);
    expect(t.silences).toEqual([180]);
  });
});

test("typed words are told from spoken ones", () => {
  const t = new Transcript();
  const content = [{ type: "input_text", text: "hello" }];
  t.take({ type: "conversation.item.added", item: { id: "u", type: "message", role: "user", content } });
  expect(lines(t)[0]).toMatchObject({ typed: true, text: "hello" });
});

test("a tool is one row from its start to its result", () => {
  const t = new Transcript();
  const step = { type: "talkover.tool", call_id: "c", name: "f", arguments: "{}" };
  t.take({ ...step, phase: "started", output: null, ms: null }, 10);
  t.take({ ...step, phase: "done", output: "42", ms: 3 }, 20);
  expect(t.entries).toHaveLength(1);
  expect(t.entries[0]).toMatchObject({ tool: { phase: "done", output: "42", ms: 3, at: 10 } });
});

test("events that it does not know change nothing", () => {
  const t = new Transcript();
  expect(t.take({ type: "session.created" })).toBe(false);
  expect(t.entries).toHaveLength(0);
});

test("an answer that a broken connection cut off ends there, or goes on", () => {
  const t = new Transcript();
  said(t, "Once upon a time");
  word(t, 5, 9);
  t.take({ type: "session.created" });
  expect(shown(t)).toEqual([["said", "Once "], ["unheard", "upon a time"]]);
  word(t, 5, 9);
  expect(shown(t)).toEqual([["said", "Once "], ["word", "upon"], ["ahead", " a time"]]);
});

test("what was said in another page is recalled, and what was said in this one stays", () => {
  const t = new Transcript();
  t.take({ type: "talkover.partial", item_id: "u", text: "what time" });
  const added = (id: string, role: string, type: string, transcript: string, status = "completed") =>
    t.take({ type: "conversation.item.added", item: { id, type: "message", role, status, content: [{ type, transcript }] } });
  added("u", "user", "input_audio", "What time is it?");
  added("b", "assistant", "output_audio", "Ten o'clock.");
  expect(lines(t).map(({ id, text, over }) => [id, text, over])).toEqual([
    ["u", "What time is it?", true], ["b", "Ten o'clock.", true],
  ]);
});

test("whoever looks on from the middle of an answer sees its words from there on, then all of it", () => {
  const t = new Transcript();
  t.take({ type: "talkover.word", item_id: "a", start: 10, end: 14, text: "upon" });
  t.take({ type: "talkover.word", item_id: "a", start: 15, end: 16, text: "a" });
  const [entry] = t.entries;
  if (entry?.kind !== "line") throw new Error("no line");
  expect(entry.line.text.replace(/ +/g, " ")).toBe("… upon a");
  t.take({ type: "talkover.heard", item_id: "a", text: "Once, once upon a" });
  expect(entry.line).toMatchObject({ text: "Once, once upon a", heard: null, over: true });
});
