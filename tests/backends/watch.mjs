// A backend that watches one call to its end, wherever it goes.

import { createRequire } from "node:module";
import { Backend } from "talkover/server";

const { WebSocket } = createRequire(process.env.INSTALLED)("ws");
const tell = (step) => console.log(JSON.stringify(step));

const backend = new Backend({ url: process.env.LINE, key: process.env.KEY, WebSocket });
const call = backend.watch(process.env.CALL, { onGap: () => tell({ gap: true }) });
await call.send({ type: "talkover.message", name: "watched", data: {} });
tell({ watching: true });
for await (const event of call) {
  if (event.type === "talkover.ended") tell({ ended: event.how });
  if (event.type === "response.output_audio_transcript.done") tell({ answer: event.transcript });
}
tell({ over: true });
