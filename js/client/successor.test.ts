import { expect, test } from "vitest";
import type { RealtimeEvent } from "./events";
import type { Leg, Listener } from "./leg";
import { Server } from "./server";
import { Successor } from "./successor";

function leg(sent: RealtimeEvent[]): Leg {
  return {
    transport: "udp", films: false,
    send: (event) => void sent.push(event),
    film: async () => undefined,
    speakThrough: async () => undefined,
    stats: async () => ({ transport: "udp", rttMs: null, lossPercent: null, jitterMs: null }),
    held: async () => null,
    close: () => undefined,
    drop: () => undefined,
  };
}

function listener(told: string[]): Listener {
  return {
    passed: () => undefined,
    event: (event) => void told.push(event.type),
    state: (state) => void told.push(state),
    lost: () => void told.push("lost"),
    voice: () => void told.push("voice"),
    pictures: () => void told.push("pictures"),
  };
}

const server = new Server("http://here", "key", undefined).beside();

test("a leg that waits is silent, and has the call once it is taken", async () => {
  const [told, sent]: [string[], RealtimeEvent[]] = [[], []];
  const made = await Successor.open(server, listener(told), async (its) => {
    its.voice({} as MediaStream);
    its.event({ type: "error" });
    return leg(sent);
  });
  expect(told).toEqual([]);
  made.take();
  expect(sent.map(({ type }) => type)).toEqual(["talkover.resume"]);
  made.event({ type: "session.created" });
  made.lost("x");
  expect(told).toEqual(["voice", "session.created", "lost"]);
});

test("a leg that is lost while it waits is gone, and the call hears nothing of it", async () => {
  const told: string[] = [];
  const made = await Successor.open(server, listener(told), async () => leg([]));
  made.lost("the server is gone");
  await made.gone;
  expect(told).toEqual([]);
});

test("where media does not connect there is no successor", async () => {
  await expect(Successor.open(server, listener([]), async () => null)).rejects.toThrow("Media");
});
