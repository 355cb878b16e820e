// What the clients for Node are tried with; the counterpart of trial.py.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";

export { sleep };
export const URL_ = process.env.CLIENT_URL;
export const WS = URL_.replace(/^http/, "ws");
export const KEY = process.env.CLIENT_KEY;
export const OFFER = process.env.CLIENT_OFFER;
export const SPEECH = readFileSync(process.env.CLIENT_SPEECH);
export const PICTURE =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
export const TOOL = {
  type: "function",
  name: "get_weather",
  description: "The weather of a city.",
  parameters: { type: "object", properties: { city: { type: "string" } } },
};
export const require = createRequire(`${process.env.CLIENT_MODULES}/`);

const PATIENCE_MS = 40_000;

export const message = (text, more = {}) => ({
  type: "message",
  role: "user",
  content: [{ type: "input_text", text }],
  ...more,
});

export function assert(true_, ...why) {
  if (!true_) throw new Error(why.map((x) => (typeof x === "string" ? x : JSON.stringify(x))).join(" "));
}

/** In real time, as a microphone does, with a second of silence behind it. */
export async function speak(append) {
  for (let at = 0; at < SPEECH.length + 48000; at += 4800) {
    const piece = at < SPEECH.length ? SPEECH.subarray(at, at + 4800) : Buffer.alloc(4800);
    append(piece);
    await sleep(100);
  }
}

/** A queue of events with a wait for the next of a kind. */
export class Events {
  #kept = [];
  #wake = () => {};
  seen = [];

  put(event) {
    this.#kept.push(event);
    this.seen.push(event);
    this.#wake();
  }

  async next() {
    while (!this.#kept.length) await new Promise((resolve) => (this.#wake = resolve));
    return this.#kept.shift();
  }

  /** Any error on the way is one. */
  async until(kind, true_ = () => true) {
    for (;;) {
      const event = await this.next();
      if (event.type === kind && true_(event)) return event;
      assert(event.type !== "error", event);
    }
  }
}

export async function run(features) {
  const only = (process.env.CLIENT_ONLY ?? "").split(",").filter(Boolean);
  for (const [feature, attempt] of Object.entries(features)) {
    if (only.length && !only.includes(feature)) continue;
    let told = { feature, ok: true };
    const late = sleep(PATIENCE_MS).then(() => {
      throw new Error(`no end within ${PATIENCE_MS} ms`);
    });
    try {
      await Promise.race([attempt(), late]);
    } catch (error) {
      told = { feature, ok: false, why: String(error?.stack ?? error) };
    }
    console.log(JSON.stringify(told));
  }
  process.exit(0);
}
