import { expect, test } from "vitest";
import { DUCKED, reflex } from "./reflex";

const STEP = 20;

/** A reflex whose clock goes by steps of sound. */
class Scene {
  readonly reflex = reflex();
  now = 1000;

  /** The levels that came of both sides being so loud for so long. */
  hear(ms: number, user: number, agent: number): number[] {
    const levels: number[] = [];
    for (const end = this.now + ms; this.now < end; this.now += STEP) {
      levels.push(this.reflex.step(user, agent, this.now));
    }
    return levels;
  }

  take(type: string): void {
    this.reflex.take(type, this.now);
  }
}

/** The agent has spoken for long enough that its echo, at this level, is known. */
function speaking(echo = 0.001): Scene {
  const scene = new Scene();
  scene.hear(8000, echo, 0.1);
  return scene;
}

test("a voice over the agent's ducks it within 40 ms", () => {
  const levels = speaking().hear(100, 0.1, 0.1);
  expect(levels.indexOf(DUCKED) * STEP).toBeLessThanOrEqual(40);
});

test("a click does not, and neither does a voice while the agent is silent", () => {
  const scene = speaking();
  expect([...scene.hear(STEP, 0.3, 0.1), ...scene.hear(400, 0.001, 0.1)]).not.toContain(DUCKED);
  scene.hear(400, 0.001, 0);
  expect(scene.hear(1000, 0.1, 0)).not.toContain(DUCKED);
});

test("what the server does not follow comes back, and counts no more until it is louder", () => {
  const scene = speaking();
  const levels = scene.hear(1000, 0.1, 0.1);
  expect(levels.filter((level) => level < 1).length * STEP).toBe(600);
  expect(levels.at(-1)).toBe(1);
  scene.hear(400, 0.001, 0.1);
  expect(scene.hear(1000, 0.1, 0.1)).not.toContain(DUCKED);
  scene.hear(400, 0.001, 0.1);
  expect(scene.hear(100, 0.9, 0.1)).toContain(DUCKED);
});

test("what the server followed is its own from then on, and counts the next time too", () => {
  const scene = speaking();
  scene.hear(100, 0.1, 0.1);
  scene.take("talkover.ducked");
  const levels = scene.hear(600, 0.1, 0.01);
  expect(levels.filter((level) => level < 1).length * STEP).toBe(200);
  scene.hear(400, 0.001, 0.1);
  expect(scene.hear(100, 0.1, 0.1)).toContain(DUCKED);
});

test("a voice that the server was first to hear is its own", () => {
  const scene = speaking();
  scene.take("talkover.ducked");
  expect(scene.hear(600, 0.1, 0.1)).not.toContain(DUCKED);
});

test("a voice that the server lets pass is there again at once", () => {
  const scene = speaking();
  scene.hear(100, 0.1, 0.1);
  scene.take("talkover.ducked");
  scene.take("talkover.resumed");
  expect(scene.hear(STEP, 0.1, 0.1)).toEqual([1]);
});

test("the agent's echo is no onset, however it comes and goes", () => {
  const scene = speaking(0.02);
  for (let word = 0; word < 20; word++) {
    expect(scene.hear(200, 0.02 + 0.002 * word, 0.1)).not.toContain(DUCKED);
    expect(scene.hear(200, 0.002, 0.1)).not.toContain(DUCKED);
  }
  expect(scene.hear(400, 0.002, 0.1)).not.toContain(DUCKED);
  expect(scene.hear(100, 0.4, 0.1)).toContain(DUCKED);
});

test("a loud echo before any is known ducks at most once", () => {
  const scene = new Scene();
  let ducks = 0;
  for (let word = 0; word < 20; word++) {
    ducks += Number(scene.hear(400, 0.2, 0.2).includes(DUCKED));
    scene.hear(400, 0.001, 0.2);
  }
  expect(ducks).toBeLessThanOrEqual(1);
});
