import { expect, test } from "vitest";
import type { Listener, Way } from "./leg";
import { Server } from "./server";
import { Successor } from "./successor";
import { ScriptedServer } from "./testing";

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

const server = new Server({ url: "http://here", token: "key" }).beside();

/** What opens a leg at a server of the test. */
function opening(at = new ScriptedServer()): (listener: Listener) => ReturnType<Way> {
  const { ways, microphone } = at.options;
  return (listener) => ways[0]!(server, microphone, listener);
}

test("a leg that waits is silent, and has the call once it is taken", async () => {
  const told: string[] = [];
  const there = new ScriptedServer();
  const made = await Successor.open(server, listener(told), opening(there));
  made.voice({} as MediaStream);
  there.tell({ type: "error" });
  expect(told).toEqual([]);
  made.take();
  expect(there.sent.map(({ type }) => type)).toEqual(["talkover.resume"]);
  made.event({ type: "session.created" });
  made.lost("x");
  expect(told).toEqual(["voice", "session.created", "lost"]);
});

test("a leg that is lost while it waits is gone, and the call hears nothing of it", async () => {
  const told: string[] = [];
  const made = await Successor.open(server, listener(told), opening());
  made.lost("the server is gone");
  await made.gone;
  expect(told).toEqual([]);
});

test("where media does not connect there is no successor", async () => {
  await expect(Successor.open(server, listener([]), async () => null)).rejects.toThrow("Media");
});
