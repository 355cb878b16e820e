import { expect, test } from "vitest";
import { overlaps, Timeline } from "./lanes";

test("a held voice is drawn as held until it goes on", () => {
  const t = new Timeline();
  t.happen("duck");
  t.push(0.1, 0.1);
  t.happen("hold");
  t.push(0.1, 0);
  t.happen("resume");
  t.push(0, 0.1);
  expect(t.columns.map((c) => c.level)).toEqual(["duck", "hold", "full"]);
});

test("a cut marks one moment", () => {
  const t = new Timeline();
  t.happen("cut");
  t.push(0, 0);
  t.push(0, 0);
  expect(t.columns.map((c) => c.cut)).toEqual([true, false]);
});

test("the axis keeps sixteen seconds", () => {
  const t = new Timeline();
  for (let n = 0; n < 1000; n++) t.push(n, 0);
  expect(t.columns).toHaveLength(400);
});

test("both at once is an overlap", () => {
  const t = new Timeline();
  t.push(0.2, 0.2);
  t.push(0.2, 0);
  expect(t.columns.map(overlaps)).toEqual([true, false]);
});
