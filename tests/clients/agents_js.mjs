// `@openai/agents-realtime` for JavaScript: its session over a WebSocket in Node.

import { Events, KEY, PICTURE, URL_, WS, assert, require, run, sleep, speak } from "./trial.mjs";

const { RealtimeAgent, RealtimeSession } = require("@openai/agents-realtime");
const { tool } = require("@openai/agents");
const { z } = require("zod");

const url = `${WS}/realtime?model=gpt-realtime`;
const TEXT = { outputModalities: ["text"] };

const weather = tool({
  name: "get_weather",
  description: "The weather of a city.",
  parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => `rain in ${city}`,
});

async function connected(use, { config = {}, apiKey = KEY, tools = [] } = {}) {
  const agent = new RealtimeAgent({ name: "Test", instructions: "You are a test.", tools });
  const session = new RealtimeSession(agent, { transport: "websocket", model: "gpt-realtime", config });
  const events = new Events();
  session.on("transport_event", (event) => events.put(event));
  session.on("error", (error) => events.put({ type: "error", error }));
  try {
    await session.connect({ apiKey, url });
    return await use(session, events);
  } finally {
    session.close();
  }
}

const said = (session) =>
  session.history
    .filter((item) => item.role === "assistant")
    .flatMap((item) => item.content.map((part) => part.text ?? part.transcript));

async function until(true_, what) {
  for (let n = 0; n < 400; n++) {
    if (true_()) return;
    await sleep(50);
  }
  throw new Error(`it never came about: ${what()}`);
}

async function asked(session, text) {
  const before = said(session).length;
  session.sendMessage(text);
  await until(
    () => said(session).length > before && session.history.at(-1).status === "completed",
    () => JSON.stringify(session.history),
  );
  return said(session).at(-1);
}

await run({
  connect: () =>
    connected(async (session, events) => {
      const updated = events.seen.findLast((e) => e.type === "session.updated") ??
        (await events.until("session.updated"));
      assert(updated.session.instructions === "You are a test.", updated);
    }),

  "text turn": () =>
    connected(
      async (session) => {
        const words = await asked(session, "hello");
        assert(words === "You said hello.", words);
      },
      { config: TEXT },
    ),

  "audio turn": () =>
    connected(async (session, events) => {
      let heard = 0;
      session.on("audio", ({ data }) => (heard += data.byteLength));
      speak((piece) => session.sendAudio(new Uint8Array(piece).buffer));
      await events.until("response.done");
      await until(
        () => session.history.some((i) => i.role === "user" && i.content[0].transcript === "what is the weather"),
        () => JSON.stringify(session.history),
      );
      assert(said(session).at(-1) === "You said what is the weather.", session.history);
      assert(heard > 20_000, heard);
    }),

  "tool call": () =>
    connected(
      async (session) => {
        session.sendMessage("use the tool");
        await until(
          () => said(session).at(-1) === "The tool says rain in Paris.",
          () => JSON.stringify(session.history),
        );
      },
      { config: TEXT, tools: [weather] },
    ),

  "barge-in": () =>
    connected(async (session, events) => {
      let interrupted = 0;
      session.on("audio_interrupted", () => interrupted++);
      session.sendMessage("tell me a story");
      await events.until("response.output_audio.delta");
      await sleep(1000);
      speak((piece) => session.sendAudio(new Uint8Array(piece).buffer));
      const done = await events.until("response.done");
      assert(done.response.status === "cancelled", done);
      assert(interrupted > 0);
      await events.until("conversation.item.retrieved");
      await until(
        () => said(session).at(-1) === "You said what is the weather.",
        () => JSON.stringify(session.history),
      );
      const story = said(session).at(-2);
      assert(story.length > 5 && story.length < 200, said(session));
    }),

  truncate: () =>
    connected(async (session, events) => {
      session.sendMessage("tell me a story");
      await events.until("response.output_audio.delta");
      await sleep(1500);
      session.interrupt();
      const cut = await events.until("conversation.item.truncated");
      assert(cut.audio_end_ms > 500 && cut.audio_end_ms < 3000, cut);
      await events.until("conversation.item.retrieved");
    }),

  retrieve: () =>
    connected(
      async (session, events) => {
        await asked(session, "hello");
        const id = session.history[0].itemId;
        session.transport.sendEvent({ type: "conversation.item.retrieve", item_id: id });
        const found = await events.until("conversation.item.retrieved");
        assert(found.item.id === id, found);
      },
      { config: TEXT },
    ),

  "cancel when idle": () =>
    connected(
      async (session, events) => {
        session.interrupt();
        session.transport.sendEvent({ type: "response.cancel", event_id: "idle" });
        await until(
          () => events.seen.some((e) => e.type === "error"),
          () => "no error",
        );
        assert((await asked(session, "there?")) === "You said there?.", session.history);
      },
      { config: TEXT },
    ),

  "double response.create": () =>
    connected(
      async (session, events) => {
        session.sendMessage("tell me a story");
        // The SDK itself keeps the second one back until the first is done.
        session.transport.sendEvent({ type: "response.create", event_id: "second" });
        await events.until("response.done");
        await events.until("response.done");
        assert((await asked(session, "hello")) === "You said hello.", session.history);
      },
      { config: TEXT },
    ),

  image: () =>
    connected(
      async (session) => {
        session.addImage(PICTURE, { triggerResponse: true });
        await until(
          () => said(session).at(-1) === "I see a picture.",
          () => JSON.stringify(session.history),
        );
      },
      { config: TEXT },
    ),

  "history edit": () =>
    connected(
      async (session, events) => {
        await asked(session, "one");
        await asked(session, "two");
        session.updateHistory((history) =>
          history.filter((item) => !item.content?.some((part) => part.text === "two")),
        );
        await events.until("conversation.item.deleted");
        const words = await asked(session, "what is our history?");
        assert(words === "I know one / what is our history?.", words);
      },
      { config: TEXT },
    ),

  secret: async () => {
    const answer = await fetch(`${URL_}/realtime/client_secrets`, {
      method: "POST",
      headers: { Authorization: `Bearer ${KEY}`, "Content-Type": "application/json" },
      body: JSON.stringify({ expires_after: { anchor: "created_at", seconds: 10 }, session: { type: "realtime" } }),
    });
    const { value } = await answer.json();
    await connected(
      async (session) => assert((await asked(session, "hello")) === "You said hello.", session.history),
      { config: TEXT, apiKey: value },
    );
    await sleep(11_000);
    const refused = await connected(() => "taken", { apiKey: value }).catch((e) => JSON.stringify(e?.message ?? e));
    assert(!refused.includes("taken"), refused);
  },
});
