// A page's logic in its user's test: no server, no microphone and no browser.
import { Call } from "talkover";
import { ScriptedServer } from "talkover/testing";

const server = new ScriptedServer();
const said = [];
const call = new Call({
  ...server.options,
  onEvent: (event) => {
    if (event.type === "response.output_audio_transcript.done") said.push(event.transcript);
  },
});
await call.connect();
server.tell({ type: "response.output_audio_transcript.done", transcript: "Hello." });
call.interrupt();
call.message("cart", { items: 2 });
call.hangUp();
console.log(JSON.stringify({ said, asked: server.sent.map(({ type }) => type) }));
