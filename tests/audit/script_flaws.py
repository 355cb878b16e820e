"""JavaScript, TypeScript and configuration with one flaw each; and the same done well."""

from __future__ import annotations

VOICE = "const stream = await navigator.mediaDevices.getUserMedia({ audio: true });\n"
SOCKET = "import { WebSocketServer } from 'ws';\n"

FLAWED: dict[str, dict[str, str]] = {
    "llm-not-streamed": {
        "chat.ts": """
// stream: true would be better
export async function POST(request: Request): Promise<Response> {
  const answer = await openai.chat.completions.create({ model: "m", messages });
  return Response.json(answer);
}
""",
    },
    "tts-not-streamed": {
        "voice.mjs": SOCKET
        + """
const mp3 = await openai.audio.speech.create({ model: "tts-1", voice: "alloy", input });
const buffer = Buffer.from(await mp3.arrayBuffer());
""",
    },
    "stt-after-upload": {
        "listen.js": SOCKET
        + """
const text = await openai.audio.transcriptions.create({ file, model: "whisper-1" });
""",
    },
    "recorder-whole": {
        "record.tsx": SOCKET
        + VOICE
        + """
const recorder = new MediaRecorder(stream);
recorder.ondataavailable = (e) => post(e.data);
recorder.start();
""",
    },
    "polling": {
        "wait.js": "setInterval(async () => { const r = await fetch('/status'); }, 3000);\n"
    },
    "client-per-request": {
        "route.ts": """
export async function POST(req: Request): Promise<Response> {
  const client = new OpenAI({ apiKey: process.env.KEY });
  return new Response((await client.models.list()).data[0].id);
}
""",
    },
    "no-keep-alive": {
        "call.js": "import fetch from 'node-fetch';\nawait fetch(url, { method: 'POST' });\n"
    },
    "no-cancel": {
        "stream.ts": """
app.post("/chat", async (req, res) => {
  res.setHeader("Content-Type", "text/event-stream");
  const answer = await openai.chat.completions.create({ model, messages, stream: true });
  for await (const part of answer) res.write(part.choices[0].delta.content);
  res.end();
});
""",
    },
    "no-socket": {"page.js": VOICE},
    "serverless-voice": {
        "page.js": SOCKET + VOICE,
        "vercel.json": '{ "functions": { "api/*.ts": { "maxDuration": 800 } } }',
    },
    "function-duration": {
        "page.js": SOCKET + VOICE,
        "serverless.yml": "service: voice\nfunctions:\n  say:\n    timeout: 29\n",
    },
    "function-memory": {
        "page.js": SOCKET + VOICE,
        "template.yaml": "Type: AWS::Serverless::Function\nProperties:\n  MemorySize: 128\n",
    },
    "one-region": {
        "page.js": SOCKET + VOICE,
        "vercel.json": '{\n  "regions": ["iad1"]\n}',
    },
    "memory-state": {
        "app.ts": """
const sessions: Map<string, Turn[]> = new Map();
export const say = (id: string, turn: Turn) => { sessions.get(id)?.push(turn); };
""",
        "netlify.toml": '[functions]\n  directory = "app"\n',
    },
    "audio-in-json": {
        "answer.js": 'res.json({ text, audio: Buffer.from(pcm).toString("base64") });\n'
    },
    "body-limit": {
        "api.js": SOCKET + VOICE + "export const config = { api: { bodyParser: "
        "{ sizeLimit: '1mb' } } };\n",
    },
    "proxy-buffers": {
        "sse.js": "res.setHeader('Content-Type', 'text/event-stream');\n",
        "deploy/site.conf": "location / {\n  proxy_pass http://app; # proxy_buffering off;\n}\n",
    },
    "proxy-no-upgrade": {
        "server.js": SOCKET,
        "deploy/site.conf": "location / {\n  proxy_pass http://app;\n  proxy_buffering off;\n}\n",
    },
    "compression-buffers": {
        "app.js": """
app.use(compression());
app.get("/events", (req, res) => res.setHeader("Content-Type", "text/event-stream"));
""",
    },
    "deflate-on-audio": {
        "ws.js": SOCKET + "new WebSocketServer({ port, perMessageDeflate: true });\n"
    },
    "nagle-on": {"tcp.js": "socket.setNoDelay(false);\n"},
}

GOOD = {
    "package.json": '{ "scripts": { "start": "node server.js" } }',
    "server.js": """
// new OpenAI() inside of a handler would be wrong, and so would perMessageDeflate: true
/* setNoDelay(false) */
import express from "express";
import { WebSocketServer } from "ws";
import OpenAI from "openai";

const app = express();
const client = new OpenAI();
const sockets = new WebSocketServer({ port: 8081, perMessageDeflate: false });
const hint = "app.use(compression())";
const pattern = /setNoDelay(false)[/"']/;
const told = `sessions: ${new Map().size} and ${`new OpenAI(${1})`}`;

let kept;
function getClient() { return kept ?? (kept = new OpenAI()); }

app.post("/chat", async (req, res) => {
  const abort = new AbortController();
  res.on("close", () => abort.abort());
  res.setHeader("Content-Type", "text/event-stream");
  const stream = await client.chat.completions.create(
    { model: "m", messages: req.body.messages, stream: true }, { signal: abort.signal },
  );
  for await (const part of stream) res.write(part.choices[0]?.delta?.content ?? "");
  res.end();
});

sockets.on("connection", (socket) => {
  let speaking = new AbortController();
  socket.on("message", async (heard) => {
    speaking.abort();
    speaking = new AbortController();
    const voice = await client.audio.speech.create({ input: String(heard), voice: "alloy" });
    for await (const pcm of voice.body) socket.send(pcm);
  });
});
""",
    "page.tsx": """
export const Talk = () => <p>Don't wait: it's live. {"'"}</p>;
const recorder = new MediaRecorder(stream);
recorder.start(250);
""",
    "billing.js": 'app.get("/invoices", (req, res) => res.json([]));\n',
    "nginx.conf": """
location / {
  proxy_pass http://app;
  proxy_http_version 1.1;
  proxy_set_header Upgrade $http_upgrade;
  proxy_set_header Connection "upgrade";
  proxy_buffering off;
}
""",
}
