import { describe, expect, test } from "vitest";
import { example, STEP_MS, Timeline } from "./timeline";

test("a held voice is drawn as held until it goes on", () => {
  const t = new Timeline();
  t.happen("duck", 0);
  t.push(0, 0.1, 0.1);
  t.happen("hold", 40);
  t.push(40, 0.1, 0);
  t.happen("resume", 80);
  t.push(80, 0, 0.1);
  expect(t.columns.map((c) => c.level)).toEqual(["duck", "hold", "full"]);
});

test("the loudest of a column counts", () => {
  const t = new Timeline();
  t.push(0, 0.1, 0.3);
  t.push(20, 0.2, 0.1);
  expect(t.columns).toEqual([{ user: 0.2, agent: 0.3, level: "full" }]);
});

test("a page that was asleep leaves no hole in the axis", () => {
  const t = new Timeline();
  t.push(0, 0.1, 0.2);
  t.push(400, 0.3, 0);
  expect(t.columns).toHaveLength(11);
  expect(t.columns[5]).toMatchObject({ user: 0.1, agent: 0.2 });
  expect(t.columns[10]).toMatchObject({ user: 0.3, agent: 0 });
});

test("the axis forgets from its start and keeps its times", () => {
  const t = new Timeline();
  for (let n = 0; n < 3000; n++) t.push(n * STEP_MS, 0, 0);
  expect(t.columns).toHaveLength(1200);
  expect(t.first + t.columns.length).toBe(3000);
});

describe("an overlap", () => {
  const speak = (t: Timeline, from: number, to: number, user: number, agent: number) => {
    for (let at = from; at < to; at += STEP_MS) t.push(at, user, agent);
  };

  test("is where both are heard", () => {
    const t = new Timeline();
    speak(t, 0, 400, 0, 0.2);
    speak(t, 400, 800, 0.2, 0.2);
    speak(t, 800, 1200, 0.2, 0);
    expect(t.overlaps()).toEqual([{ from: 400, to: 800 }]);
  });

  test("lasts while the voice is held under the user's", () => {
    const t = new Timeline();
    speak(t, 0, 400, 0.2, 0.2);
    t.happen("hold", 400);
    speak(t, 400, 800, 0.2, 0);
    t.happen("cut", 800);
    speak(t, 800, 1200, 0.2, 0);
    expect(t.overlaps()).toEqual([{ from: 0, to: 800 }]);
  });

  test("is not broken by the gap between two syllables", () => {
    const t = new Timeline();
    speak(t, 0, 200, 0.2, 0.2);
    speak(t, 200, 280, 0, 0.2);
    speak(t, 280, 400, 0.2, 0.2);
    expect(t.overlaps()).toEqual([{ from: 0, to: 400 }]);
  });
});

describe("a label", () => {
  test("grows while one thing leads to the next", () => {
    const t = new Timeline();
    t.happen("duck", 0);
    t.happen("hold", 200);
    t.happen("cut", 600);
    expect(t.episodes.map((e) => e.steps.map((s) => s.what))).toEqual([["duck", "hold", "cut"]]);
  });

  test("ends with the cut", () => {
    const t = new Timeline();
    t.happen("cut", 0);
    t.happen("duck", 300);
    expect(t.episodes).toHaveLength(2);
  });

  test("goes on where the voice went on for a breath only", () => {
    const t = new Timeline();
    for (const [n, what] of (["duck", "hold", "resume", "duck", "hold", "cut"] as const).entries()) {
      t.happen(what, n * 100);
    }
    expect(t.episodes.map((e) => e.steps.map((s) => s.what))).toEqual([["duck", "hold", "cut"]]);
  });

  test("takes the mm-hm that explains why the voice went on", () => {
    const t = new Timeline();
    t.happen("duck", 0);
    t.happen("resume", 300);
    t.happen("mm-hm", 310);
    t.happen("duck", 900);
    expect(t.episodes).toHaveLength(2);
  });
});

test("words keep their place while they are still being recognised", () => {
  const t = new Timeline();
  t.say("user", "u", 100, "what");
  t.say("user", "u", 900, "what time is it");
  expect(t.captions).toEqual([{ id: "u", side: "user", at: 100, text: "what time is it" }]);
});

test("the example shows a cut, an mm-hm and two overlaps", () => {
  const t = example();
  expect(t.episodes.map((e) => e.steps.at(-1)?.what)).toEqual(["mm-hm", "cut"]);
  expect(t.overlaps()).toHaveLength(2);
});
