import { byTest, copyButton, find, node, part } from "./dom";
import type { Key } from "./key";
import type { Notices, Told } from "./notice";

interface Engine {
  name: string; role: string; where: string; demo: boolean; leaves_machine: boolean; note: string;
}
export interface About {
  agents: string[]; engines: Engine[]; tries: string[]; auth_required: boolean; media_port: number;
  recording: boolean;
  error: { message: string; file?: string | null; line?: number | null } | null;
}

const EVERY_MS = 3000;
const ROLES: Record<string, string> = { stt: "Hears", llm: "Thinks", tts: "Speaks" };
const SWITCHES: [string, string][] = [
  ["talkover serve --llm http://localhost:11434/v1", "any OpenAI-compatible chat server"],
  ["talkover serve --stt URL --tts URL", "transcription and speech servers"],
  ["talkover serve --openai", "all three, with TALKOVER_API_KEY"],
];

/** What the server says of itself, shown before the call and kept fresh. */
export class AboutView {
  about: About | null = null;
  private shown = "";

  /** `ask` starts a call with a question; `idle` tells whether nobody is in a call. */
  constructor(
    private readonly key: Key,
    private readonly notices: Notices,
    private readonly ask: (text: string) => void,
    private readonly idle: () => boolean,
  ) {
    part("switches").append(...SWITCHES.map(([command, what]) => howTo(command, what)));
    setInterval(() => this.idle() && !document.hidden && void this.look(), EVERY_MS);
  }

  async look(): Promise<void> {
    let text: string;
    try {
      const response = await fetch("/console.json");
      if (!response.ok) throw new Error(String(response.status));
      text = await response.text();
    } catch {
      this.notices.say("server", {
        tone: "alarm", title: "The server is not answering.", text: "Start it with: talkover serve",
      });
      return;
    }
    this.about = JSON.parse(text) as About;
    this.notices.say("server", trouble(this.about) ?? insecure());
    // Nothing is drawn anew while nothing changed, or whoever tabs through it would lose their place.
    if (text !== this.shown) this.draw(this.about);
    this.shown = text;
    this.showKey();
  }

  showKey(): void {
    byTest("key-form").hidden = !this.key.missing;
    part("begin").hidden = this.key.missing;
  }

  private draw(about: About): void {
    this.key.needed = about.auth_required;
    byTest("chips").replaceChildren(...about.tries.map((text) => this.chip(text)));
    find(".engines tbody").replaceChildren(...about.engines.map(engineRow));
    const select = part<HTMLSelectElement>("agent");
    const chosen = select.value;
    select.replaceChildren(...about.agents.map((name) => new Option(name)));
    if (about.agents.includes(chosen)) select.value = chosen;
    byTest("recorded").hidden = !about.recording;
    byTest("agents").hidden = about.agents.length < 2;
  }

  private chip(text: string): HTMLElement {
    const button = node("button", "", text);
    button.dataset["testid"] = "chip";
    button.onclick = () => this.ask(text);
    return node("li", "", button);
  }
}

function trouble({ error }: About): Told | null {
  if (!error) return null;
  const { file, line, message } = error;
  if (!file) return { tone: "alarm", title: "An engine is down.", text: message };
  const place = `${file}:${line}`;
  const text = message.startsWith(place) ? message : `${place}: ${message}`;
  return { tone: "alarm", title: "The agent could not be reloaded; the last good one serves on.", text };
}

function insecure(): Told | null {
  if (isSecureContext) return null;
  return {
    tone: "alarm",
    title: "This page cannot use a microphone.",
    text: "A browser gives it only to HTTPS pages: start the server with --tls, and open its https:// address.",
  };
}

function engineRow(engine: Engine): HTMLElement {
  const badge = node("span", engine.demo ? "badge" : "badge real", engine.demo ? "scripted demo" : "real");
  const stays = engine.leaves_machine ? `${engine.where}, leaves this machine` : engine.where;
  const name = node("td", "", node("b", "", engine.name));
  if (engine.name !== badge.textContent) name.append(" ", badge);
  else name.replaceChildren(badge);
  return node("tr", "", node("th", "", ROLES[engine.role] ?? engine.role), name, node("td", "where", stays));
}

function howTo(command: string, what: string): HTMLElement {
  const copy = copyButton("Copy", () => command);
  copy.setAttribute("aria-label", `Copy ${command}`);
  return node("li", "", node("code", "", command), copy, node("span", "", what));
}
