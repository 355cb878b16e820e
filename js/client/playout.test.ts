import { expect, test } from "vitest";
import { playout } from "./playout";

const SECOND = 24000;
const of = (item_id: string, content_index = 0): { type: string; item_id: string; content_index: number } => ({
  type: "response.output_audio.delta", item_id, content_index,
});
const cut = (item_id: string, audio_end_ms: number, content_index = 0): object => ({
  type: "conversation.item.truncate", item_id, content_index, audio_end_ms,
});

test("an item is truncated where it was played to, not where it was received to", () => {
  const player = playout();
  player.begin(0);
  for (let n = 0; n < 50; n++) expect(player.take(of("a", 1), SECOND / 5, n)).toBe(true);
  expect(player.stop(1.5 * SECOND + 100)).toEqual([cut("a", 1504, 1)]);
});

test("what came too late leaves a gap, which was not played", () => {
  const player = playout();
  player.take(of("a"), SECOND, 0);
  player.take(of("a"), SECOND, 3 * SECOND);
  expect(player.stop(3.25 * SECOND)).toEqual([cut("a", 1250)]);
});

test("what was played to its end is not truncated", () => {
  const player = playout();
  player.take(of("a"), SECOND, 0);
  expect(player.stop(SECOND)).toEqual([]);
  player.begin(2 * SECOND);
  player.take(of("b"), SECOND, 2 * SECOND);
  expect(player.stop(2.5 * SECOND)).toEqual([cut("b", 500)]);
});

test("an item that waited behind another was not heard at all", () => {
  const player = playout();
  player.take(of("a"), 2 * SECOND, 0);
  player.begin(10);
  player.take(of("b"), SECOND, 10);
  expect(player.stop(SECOND)).toEqual([cut("b", 0), cut("a", 1000)]);
});

test("of the two that were under way only the one that was still played is truncated", () => {
  const player = playout();
  player.take(of("a"), SECOND, 0);
  player.begin(10);
  player.take(of("b"), SECOND, 10);
  expect(player.stop(1.5 * SECOND)).toEqual([cut("b", 500)]);
});

test("what is still on its way of a stopped answer is not played, and nothing is told twice", () => {
  const player = playout();
  player.take(of("a"), SECOND, 0);
  expect(player.stop(SECOND / 2)).toEqual([cut("a", 500)]);
  expect(player.take(of("a"), SECOND, SECOND)).toBe(false);
  expect(player.stop(SECOND)).toEqual([]);
  expect(player.stop(2 * SECOND)).toEqual([]);
});

test("an answer that was stopped before any of it, or more of it, came is truncated when it comes", () => {
  const player = playout();
  player.take(of("a"), SECOND, 0);
  expect(player.stop(SECOND)).toEqual([]);
  expect(player.take(of("a"), SECOND, SECOND + 7)).toBe(false);
  expect(player.stop(SECOND + 7)).toEqual([cut("a", 1000)]);
  expect(player.take(of("b"), SECOND, SECOND + 9)).toBe(false);
  expect(player.stop(SECOND + 9)).toEqual([cut("b", 0)]);
});

test("the next answer is played from when it comes", () => {
  const player = playout();
  player.take(of("a"), 9 * SECOND, 0);
  player.stop(SECOND);
  player.begin(1.25 * SECOND);
  expect(player.take(of("b"), SECOND, 1.5 * SECOND)).toBe(true);
  expect(player.stop(1.75 * SECOND)).toEqual([cut("b", 250)]);
});
