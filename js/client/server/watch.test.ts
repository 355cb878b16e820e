import { afterEach, expect, test, vi } from "vitest";
import { Backend } from "./backend.js";

afterEach(() => vi.unstubAllGlobals());

/** A network that never answers; the last socket is kept. */
class Silent {
  static last: Silent | null = null;
  readyState = 0;
  closed = false;
  constructor(readonly url: string, readonly protocols: string[]) {
    Silent.last = this;
  }
  close(): void {
    this.closed = true;
  }
}

const backend = (key?: string): Backend => new Backend({ url: "https://voice.test/", key, WebSocket: Silent });

test("a call is watched at its server, with the key where any WebSocket can carry it", () => {
  backend("sk-1").watch("rtc_1").stop();
  expect(Silent.last?.url).toBe("wss://voice.test/v1/realtime?call_id=rtc_1&extensions=talkover");
  expect(Silent.last?.protocols).toEqual(["realtime", "openai-insecure-api-key.sk-1"]);
});

test("a key that no subprotocol can carry is said to be so", () => {
  expect(() => backend("a/b=").watch("rtc_1")).toThrow(expect.objectContaining({ code: "bad_key" }));
});

test("a runtime without WebSocket is told what to do", () => {
  vi.stubGlobal("WebSocket", undefined);
  const without = new Backend({ url: "https://voice.test" });
  expect(() => without.watch("rtc_1")).toThrow(expect.objectContaining({ code: "no_websocket" }));
});

test("who stops watching, or had stopped before, waits for nothing", async () => {
  const stopping = new AbortController();
  const watched = backend().watch("rtc_1", { signal: stopping.signal });
  const next = watched[Symbol.asyncIterator]().next();
  stopping.abort();
  expect((await next).done).toBe(true);
  expect(Silent.last?.closed).toBe(true);
  const late = backend().watch("rtc_1", { signal: stopping.signal });
  expect((await late[Symbol.asyncIterator]().next()).done).toBe(true);
});
