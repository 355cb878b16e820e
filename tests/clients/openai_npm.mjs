// The `openai` package for Node with `ws`, over TLS, which it insists on.

import { Events, KEY, OFFER, PICTURE, TOOL, URL_, assert, message, require, run, sleep, speak } from "./trial.mjs";

const { OpenAI } = require("openai");
const { OpenAIRealtimeWS } = require("openai/realtime/ws");

const client = new OpenAI({ apiKey: KEY, baseURL: URL_ });
const TEXT = { type: "realtime", output_modalities: ["text"] };

async function connected(use, props = { model: "gpt-realtime" }, by = client) {
  const rt = new OpenAIRealtimeWS(props, by);
  const events = new Events();
  rt.on("event", (event) => events.put(event));
  rt.on("error", () => {});
  rt.socket.on("error", (error) => events.put({ type: "error", error: { message: error.message } }));
  try {
    await new Promise((resolve, reject) => {
      rt.socket.on("open", resolve);
      rt.socket.on("error", reject);
    });
    return await use(rt, events);
  } finally {
    rt.close();
  }
}

async function asked(rt, events, text) {
  rt.send({ type: "conversation.item.create", item: message(text) });
  rt.send({ type: "response.create" });
  const done = await events.until("response.done");
  const [part] = done.response.output[0].content;
  return part.text ?? part.transcript;
}

const update = (rt, session) => rt.send({ type: "session.update", session: { ...TEXT, ...session } });
const append = (rt) => (piece) => rt.send({ type: "input_audio_buffer.append", audio: piece.toString("base64") });

await run({
  connect: () =>
    connected(async (rt, events) => {
      const created = await events.until("session.created");
      assert(created.session.model === "gpt-realtime", created);
      update(rt, { instructions: "Be brief." });
      const updated = await events.until("session.updated");
      assert(updated.session.instructions === "Be brief.", updated);
    }),

  "text turn": () =>
    connected(async (rt, events) => {
      update(rt, {});
      const said = await asked(rt, events, "hello");
      assert(said === "You said hello.", said);
    }),

  "audio turn": () =>
    connected(async (rt, events) => {
      speak(append(rt));
      await events.until("response.done");
      const words = events.seen.find((e) => e.type.endsWith("transcription.completed"));
      assert(words.transcript === "what is the weather", words);
      assert(events.seen.filter((e) => e.type === "response.output_audio.delta").length > 10);
    }),

  transcription: () =>
    connected(
      async (rt, events) => {
        rt.send({
          type: "session.update",
          session: { type: "transcription", audio: { input: { transcription: { model: "gpt-4o-transcribe" } } } },
        });
        await events.until("session.updated");
        speak(append(rt));
        const done = await events.until("conversation.item.input_audio_transcription.completed");
        assert(done.transcript === "what is the weather", done);
      },
      { intent: "transcription" },
    ),

  "tool call": () =>
    connected(async (rt, events) => {
      update(rt, { tools: [TOOL] });
      rt.send({ type: "conversation.item.create", item: message("use the tool") });
      rt.send({ type: "response.create" });
      const call = await events.until("response.function_call_arguments.done");
      assert(call.name === "get_weather" && call.arguments === '{"city": "Paris"}', call);
      await events.until("response.done");
      rt.send({
        type: "conversation.item.create",
        item: { type: "function_call_output", call_id: call.call_id, output: "rain" },
      });
      rt.send({ type: "response.create" });
      const done = await events.until("response.done");
      assert(done.response.output[0].content[0].text === "The tool says rain.", done);
    }),

  "barge-in": () =>
    connected(async (rt, events) => {
      rt.send({ type: "conversation.item.create", item: message("tell me a story") });
      rt.send({ type: "response.create" });
      await events.until("response.output_audio.delta");
      await sleep(1000);
      speak(append(rt));
      await events.until("input_audio_buffer.speech_started");
      const done = await events.until("response.done");
      assert(done.response.status === "cancelled", done);
      await events.until("conversation.item.truncated");
      const answer = await events.until("response.done");
      assert(answer.response.output[0].content[0].transcript === "You said what is the weather.", answer);
    }),

  truncate: () =>
    connected(async (rt, events) => {
      rt.send({ type: "conversation.item.create", item: message("tell me a story") });
      rt.send({ type: "response.create" });
      let delta;
      for (let n = 0; n < 40; n++) delta = await events.until("response.output_audio.delta");
      rt.send({ type: "conversation.item.truncate", item_id: delta.item_id, content_index: 0, audio_end_ms: 600 });
      const cut = await events.until("conversation.item.truncated");
      assert(Math.abs(cut.audio_end_ms - 600) <= 20, cut);
    }),

  retrieve: () =>
    connected(async (rt, events) => {
      rt.send({ type: "conversation.item.create", item: message("hello", { id: "mine" }) });
      rt.send({ type: "conversation.item.retrieve", item_id: "mine" });
      const found = await events.until("conversation.item.retrieved");
      assert(found.item.content[0].text === "hello", found);
    }),

  "cancel when idle": () =>
    connected(async (rt, events) => {
      rt.send({ type: "response.cancel", event_id: "idle" });
      await events.until("session.created");
      const { error } = await events.next();
      assert(error.code === "response_cancel_not_active" && error.event_id === "idle", error);
      update(rt, {});
      assert((await asked(rt, events, "there?")) === "You said there?.");
    }),

  "double response.create": () =>
    connected(async (rt, events) => {
      update(rt, {});
      rt.send({ type: "conversation.item.create", item: message("tell me a story") });
      rt.send({ type: "response.create" });
      rt.send({ type: "response.create", event_id: "second" });
      for (;;) {
        const event = await events.next();
        if (event.type === "response.done") break;
      }
      const errors = events.seen.filter((e) => e.type === "error").map((e) => e.error);
      assert(errors.length === 1 && errors[0].event_id === "second", errors);
      assert(errors[0].code === "conversation_already_has_active_response", errors);
    }),

  image: () =>
    connected(async (rt, events) => {
      update(rt, {});
      const content = [
        { type: "input_text", text: "what is this?" },
        { type: "input_image", image_url: PICTURE },
      ];
      rt.send({ type: "conversation.item.create", item: { type: "message", role: "user", content } });
      rt.send({ type: "response.create" });
      const done = await events.until("response.done");
      assert(done.response.output[0].content[0].text === "I see a picture.", done);
    }),

  "history edit": () =>
    connected(async (rt, events) => {
      update(rt, {});
      for (const text of ["one", "two", "three"])
        rt.send({ type: "conversation.item.create", item: message(text, { id: text }) });
      rt.send({ type: "conversation.item.delete", item_id: "two" });
      rt.send({ type: "conversation.item.create", item: message("zero"), previous_item_id: "root" });
      const said = await asked(rt, events, "what is our history?");
      assert(said.includes("zero one three"), said);
    }),

  secret: async () => {
    const instructions = "You are bound to a secret.";
    const made = await client.realtime.clientSecrets.create({
      expires_after: { anchor: "created_at", seconds: 10 },
      session: { ...TEXT, instructions },
    });
    const bound = new OpenAI({ apiKey: made.value, baseURL: URL_ });
    await connected(
      async (rt, events) => {
        const created = await events.until("session.created");
        assert(created.session.instructions === instructions, created);
      },
      undefined,
      bound,
    );
    await sleep(11_000);
    const refused = await connected(() => "taken", undefined, bound).catch(String);
    assert(refused.includes("401"), refused);
  },

  sideband: async () => {
    const call = await client.realtime.calls.create({ sdp: OFFER, session: TEXT });
    const call_id = call.headers.get("location").split("/").pop();
    await connected(
      async (rt, events) => {
        const said = await asked(rt, events, "hello from the side");
        assert(said === "You said hello from the side.", said);
      },
      { callID: call_id },
    );
    await client.realtime.calls.hangup(call_id);
  },

  "hang-up": async () => {
    const call = await client.realtime.calls.create({ sdp: OFFER, session: TEXT });
    const call_id = call.headers.get("location").split("/").pop();
    await connected(
      async (rt) => {
        const closed = new Promise((resolve) => rt.socket.on("close", resolve));
        await client.realtime.calls.hangup(call_id);
        await closed;
      },
      { callID: call_id },
    );
    const again = await client.realtime.calls.hangup(call_id).catch((error) => error.status);
    assert(again === 404, again);
  },
});
