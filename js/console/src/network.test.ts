import { expect, test } from "vitest";
import { verdict } from "./network";

const good = { transport: "udp" as const, rttMs: 24.4, lossPercent: 0, jitterMs: 3 };

test("a good network is told in figures alone", () => {
  expect(verdict(good)).toEqual({
    way: "UDP", figures: ["RTT 24 ms", "loss 0.0 %", "jitter 3 ms"], trouble: "",
  });
});

test("what cannot be measured is not told", () => {
  const { way, figures } = verdict({ transport: "websocket", rttMs: null, lossPercent: null, jitterMs: null });
  expect([way, figures]).toEqual(["WebSocket", []]);
});

test.each([
  [{ lossPercent: 12 }, "cable"],
  [{ rttMs: 700 }, "VPN"],
  [{ jitterMs: 120 }, "downloads"],
])("trouble comes with its remedy: %o", (bad, remedy) => {
  expect(verdict({ ...good, ...bad }).trouble).toContain(remedy);
});
