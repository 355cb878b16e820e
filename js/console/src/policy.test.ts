import { expect, test } from "vitest";
import { NORMAL, toml, update } from "./policy";

const detection = (session: object) =>
  (session as { audio: { input: { turn_detection: unknown } } }).audio.input.turn_detection;

test("push to talk turns the detection off", () => {
  expect(detection(update({ ...NORMAL, push: true }).session)).toBeNull();
});

test("a fixed silence is told in milliseconds", () => {
  const policy = { ...NORMAL, end: "silence" as const, silenceMs: 700, interrupts: false };
  expect(detection(update(policy).session)).toEqual({
    type: "server_vad", silence_duration_ms: 700, create_response: true, interrupt_response: false,
  });
  expect(toml(policy)).toContain("silence_ms = 700\nsilence_no_words_ms = 700");
  expect(toml(policy)).toContain('interruptions = "overlap"');
});

test("patience by the words is a preset's numbers", () => {
  expect(detection(update({ ...NORMAL, eagerness: "low" }).session)).toMatchObject({ eagerness: "low" });
  expect(toml({ ...NORMAL, eagerness: "low" })).toContain("silence_incomplete_ms = 2500");
});
