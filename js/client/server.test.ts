import { afterEach, expect, test, vi } from "vitest";
import { Server } from "./server.js";

afterEach(() => vi.unstubAllGlobals());

const asked = (server: Server): string => {
  vi.stubGlobal("WebSocket", class {
    constructor(readonly url: string) {}
  });
  return String(server.socket().url);
};

test("another endpoint is asked for its model and for nothing of ours", () => {
  const server = new Server({ url: "https://api.test/", token: "ek_1", model: "gpt-realtime" });
  expect(asked(server)).toBe("wss://api.test/v1/realtime?model=gpt-realtime");
  expect([server.asked, server.extended, server.comeBack()]).toEqual([false, false, false]);
});

test("a Talkover is asked for its extensions, and comes back once it has shown that it can", () => {
  const server = new Server({ url: "https://voice.test", agent: "shop" });
  expect(asked(server)).toBe("wss://voice.test/v1/realtime?extensions=talkover&agent=shop");
  server.resumption = "res_1";
  expect([server.asked, server.extended, server.comeBack()]).toEqual([true, true, true]);
});
