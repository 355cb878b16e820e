import type { RealtimeEvent } from "../../client";

export type Language = "python" | "javascript";
type Fields = Record<string, unknown>;
type Writer = (event: RealtimeEvent) => string;

/** Lines that do what a sent event does, or handle one that came. */
export function codeFor(language: Language, sent: boolean, event: RealtimeEvent): string {
  if (language === "python") {
    const own = (sent ? ASKED : TOLD)[event.type]?.(event);
    return own || (sent ? steering(event) : watching(event));
  }
  return (sent && CALLS[event.type]?.(event)) || (sent ? `call.send(${shown(event)});\n` : handler(event));
}

const REPLY: Writer = (event) => `@agent.reply
async def reply(turn: Turn):
    print(turn.text)${comment(words(event))}
    async for text in turn.answer():
        yield text
`;
const SPEAKS: Writer = (event) => `@agent.reply
async def reply(turn: Turn):
    yield ${quoted(String(event["delta"] ?? event["text"] ?? "…"))}
`;
const AFTER: Writer = () => `@agent.after
async def after(turn: Turn) -> None:
    print(turn.heard, turn.interrupted)
`;
const TIMINGS: Writer = (event) => `@agent.after
async def after(turn: Turn) -> None:
    print(turn.timings)${comment(JSON.stringify(event["timings"] ?? ""))}
`;
const INTERRUPT: Writer = () => "await session.interrupt()  # returns what was heard\n";
const OVER: Writer = () => `agent = Agent(interruptions="yes")  # "no" | "overlap"

yield Say("To be heard in full.", interruptions="no")
`;
const WORDS: Writer = () => `@agent.live
async def converse(session: Session):
    async for words in session.words():
        print(words.text, words.final)
        if words.final:
            yield "I see."
`;

/** What an agent does about what its client asks for. */
const ASKED: Record<string, Writer> = {
  "session.update": settings,
  "response.create": REPLY,
  "response.cancel": INTERRUPT,
  "output_audio_buffer.clear": INTERRUPT,
  "input_audio_buffer.append": () => `@agent.reply
async def reply(turn: Turn):
    sound = turn.audio  # Audio(data, rate), what was said
`,
  "conversation.item.create": (event) => (byUser(event) ? REPLY(event) : ""),
  "talkover.message": (event) => `@agent.on(${quoted(String(event["name"]))})
async def received(session: Session, data) -> None:
    print(data)${comment(JSON.stringify(event["data"]))}
`,
  "talkover.timings": TIMINGS,
  "talkover.say": (event) => `await session.say(${quoted(String(event["text"]))})\n`,
};

/** Where an agent sees, or causes, what its client is told. */
const TOLD: Record<string, Writer> = {
  "session.created": () => `@agent.start
async def start(session: Session) -> None:
    print(session.id, session.user, session.metadata)
`,
  "session.updated": settings,
  "talkover.ended": (event) => `@agent.end
async def end(session: Session, reason: str) -> None:
    print(reason)${comment(String(event["reason"] ?? ""))}
`,
  "talkover.message": (event) =>
    `await session.send(${quoted(String(event["name"]))}, ${python(event["data"])})\n`,
  "talkover.tool": tool,
  "talkover.turn": TIMINGS,
  "talkover.partial": WORDS,
  "talkover.word": SPEAKS,
  "response.output_audio_transcript.delta": SPEAKS,
  "response.output_text.delta": SPEAKS,
  "conversation.item.input_audio_transcription.completed": REPLY,
  "response.done": AFTER,
  "conversation.item.truncated": AFTER,
  "talkover.heard": AFTER,
  "talkover.ducked": OVER,
  "talkover.held": OVER,
  "talkover.resumed": OVER,
  "talkover.backchannel": OVER,
  "input_audio_buffer.speech_started": OVER,
  "talkover.decision": (event) => `agent = Agent(turns="patient")  # "eager" | "normal" | {…}
# ${String(event["decision"])}: ${String(event["why"] ?? "")}
`,
};

/** What the client has a method for. */
const CALLS: Record<string, Writer> = {
  "output_audio_buffer.clear": () => "call.interrupt();\n",
  "talkover.message": (event) => `call.message(${JSON.stringify(event["name"])}, ${shown(event["data"])});\n`,
  "conversation.item.create": (event) =>
    byUser(event) ? `call.type(${quoted(words(event))}); // interrupts, and asks for an answer\n` : "",
};

function settings(event: RealtimeEvent): string {
  const session = (event["session"] ?? {}) as Fields;
  const audio = (session["audio"] ?? {}) as Record<string, Fields | undefined>;
  const detection = audio["input"]?.["turn_detection"] as Fields | null | undefined;
  const pace = { low: "patient", high: "eager" }[String(detection?.["eagerness"])] ?? "normal";
  const given: [string, unknown][] = [
    ["instructions", session["instructions"]],
    ["voice", audio["output"]?.["voice"]],
    ["turns", detection === undefined ? undefined : detection === null ? "push_to_talk" : pace],
  ];
  const told = given.flatMap(([name, value]) => (typeof value === "string" ? `    ${name}=${quoted(value)},` : []));
  return ["agent = Agent(", ...told, ")", ""].join("\n");
}

function tool(event: RealtimeEvent): string {
  let args: Fields = {};
  try {
    args = JSON.parse(String(event["arguments"])) as Fields;
  } catch {
    // A model may write what is no JSON; the tool has a name at least.
  }
  const typed = Object.entries(args).map(([name, value]) => `${name}: ${kind(value)}`);
  const output = event["output"];
  return `@agent.tool
async def ${String(event["name"])}(${typed.join(", ")}) -> str:
    """What the model is told that it does."""
    return ${quoted(typeof output === "string" ? output : "…")}
`;
}

function steering(event: RealtimeEvent): string {
  return `# A backend can, in any live call:
event = ${python(event)}
url = f"{server}/v1/sessions/{session_id}/events"
httpx.post(url, headers={"Authorization": f"Bearer {key}"}, json={"events": [event]})
`;
}

function watching(event: RealtimeEvent): string {
  return `# No agent is told of it; a backend can watch, with the openai package:
async with client.realtime.connect(call_id=call_id, extra_query={"extensions": "talkover"}) as call:
    async for event in call:
        if event.type == ${quoted(event.type)}:
            print(event)
`;
}

function handler(event: RealtimeEvent): string {
  const field = Object.keys(event).find((name) => !["type", "event_id", "at_ms"].includes(name));
  const told = field ? `event[${JSON.stringify(field)}]` : "event";
  return `const call = new Call({
  microphone,
  onEvent(event) {
    if (event.type === ${JSON.stringify(event.type)}) {
      console.log(${told});
    }
  },
});
`;
}

const byUser = (event: RealtimeEvent) => (event["item"] as Fields | undefined)?.["role"] === "user";

/** What was said or written, of an item or a transcript. */
function words(event: RealtimeEvent): string {
  const item = event["item"] as { content?: Fields[] } | undefined;
  return String(event["transcript"] ?? item?.content?.[0]?.["text"] ?? "");
}

const comment = (text: string) => (text && text !== '""' ? `  # ${text}` : "");
const quoted = (text: string) => JSON.stringify(text);
const shown = (value: unknown) => JSON.stringify(value, null, 2);

function kind(value: unknown): string {
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number") return Number.isInteger(value) ? "int" : "float";
  return Array.isArray(value) ? "list" : value !== null && typeof value === "object" ? "dict" : "str";
}

/** A value of JSON, as Python writes it. A line that ends with such a word has it outside of texts. */
function python(value: unknown): string {
  const words: Record<string, string> = { true: "True", false: "False", null: "None" };
  return JSON.stringify(value ?? null, null, 4).replace(
    /^(.*": | *)(true|false|null)(,?)$/gm, (_, before, word: string, after) => before + words[word] + after,
  );
}
