// A backend that does with a live call everything that the package can, each step told on a line.

import { createRequire } from "node:module";
import { Backend, BackendError } from "talkover/server";

const { WebSocket } = createRequire(process.env.INSTALLED)("ws");
const { DIRECT: direct, LINE: line, KEY: key } = process.env;
const tell = (step) => console.log(JSON.stringify(step));
const code = (work) => work.then(() => "none", (e) => (e instanceof BackendError ? e.code : String(e)));

const backend = new Backend({ url: line, key, WebSocket });
const secret = await backend.mint({
  user: "ada", metadata: { plan: "gold" }, maxUses: 1, expiresSeconds: 60,
});
tell({ secret: secret.value, left: secret.expiresAt - Date.now() / 1000 });

let session;
while (!session) {
  session = (await backend.sessions()).find(({ user, status }) => user === "ada" && status === "live");
}
const call = backend.watch(session.call_id, { onGap: () => tell({ gap: true }) });
await call.send({ type: "talkover.message", name: "watched", data: {} });
tell({ watching: session.metadata });

let answers = 0;
let taken = false;
for await (const event of call) {
  if (event.type === "response.created" && !taken) {
    taken = true;
    await call.interrupt();
    await call.inject("Order 4711 was shipped.", { respond: true });
  }
  if (event.type !== "response.done" || event.response.status !== "completed") continue;
  answers += 1;
  tell({ answer: event.response.output[0].content[0].transcript });
  // By HTTP, and not by the line.
  const other = new Backend({ url: direct, key }).call(session.id);
  if (answers === 1) await other.say("Stay on the line.");
  if (answers === 2) await call.instruct("Be brief.");
  if (answers === 3) {
    tell({ bad: await code(other.send({ type: "response.cancel", response_id: "none" })) });
    await other.end();
    await other.end();
  }
}
tell({ ended: (await backend.session(session.id)).items.map(({ role }) => role) });

await backend.delete(session.id);
tell({
  deleted: await code(backend.session(session.id)),
  gone: await code(backend.watch(session.id).send()),
  unknown: await code(backend.call("rtc_none").say("Hello.")),
  wrong: await code(new Backend({ url: direct, key: "wrong" }).mint()),
  refused: await code(backend.mint({ expiresSeconds: 1 })),
  nobody: await code(new Backend({ url: "http://127.0.0.1:9" }).sessions()),
});
