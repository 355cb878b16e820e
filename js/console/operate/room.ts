import type { RealtimeEvent } from "../../client";
import { Inspector } from "../inspect/inspector";
import { byTest, node, part } from "../src/dom";
import { clock } from "../src/lanes";
import { TranscriptView } from "../src/show";
import { Transcript } from "../src/transcript";
import type { Api } from "./api";
import { isLive, lasted, type Line } from "./fleet";
import { history, type Item } from "./history";

type Known = Line & { items: Item[]; usage: Record<string, unknown> };

const AGAIN_MS = 2000;
const MOST_WAITING = 2000;

/** One call: what was said in it, and its events as they come. */
export class Room {
  line: Line | null = null;
  /** A human speaks in the agent's place. */
  taken = false;
  /** What is shown has changed in some way that others may care for. */
  onChange = (): void => undefined;
  private transcript = new Transcript();
  private readonly view = new TranscriptView(byTest("transcript"), byTest("announced"), "User");
  private readonly inspector: Inspector;
  private socket: WebSocket | null = null;
  /** Events that came before what was said so far; null once that is here. */
  private waiting: RealtimeEvent[] | null = [];
  private at = -1;
  private id = "";

  constructor(private readonly api: Api) {
    this.inspector = new Inspector(byTest("inspector"), async (event) => {
      if (!this.line) return "";
      this.inspector.add(true, event, Math.max(0, this.at));
      await api.steer(this.line.id, event);
      return "";
    });
  }

  /** Show a call from now on. `line`: what the list says of it, if anything. */
  async open(id: string, line: Line | undefined): Promise<void> {
    this.close();
    this.id = id;
    this.line = line ?? null;
    this.inspector.clear();
    this.view.clear("Looking …");
    part("title").textContent = id;
    part("about").textContent = "";
    byTest("figures").replaceChildren();
    await this.read(id);
  }

  close(): void {
    this.id = "";
    this.line = null;
    this.taken = false;
    this.leave();
  }

  /** What the list says of it, time and again. */
  update(line: Line): void {
    if (line.id !== this.id) return;
    const was = this.line;
    this.line = line;
    this.describe(line);
    if (was && isLive(was) && !isLive(line)) void this.read(line.id);
  }

  private leave(): void {
    if (this.socket) this.socket.onmessage = this.socket.onclose = null;
    this.socket?.close();
    this.socket = null;
  }

  /** What was said so far, and behind it whatever comes. */
  private async read(id: string): Promise<void> {
    this.leave();
    this.waiting = [];
    this.at = -1;
    try {
      const ask = () => this.api.ask<Known>("GET", `/v1/sessions/${id}`);
      const line = this.line ?? (await ask());
      if (isLive(line)) await this.watch(id, line.call_id);
      const known = await ask();
      if (this.id !== id) return;
      this.line = { ...line, ...known };
      this.tell(known);
    } catch (error) {
      if (this.id !== id) return;
      this.view.clear(error instanceof Error ? error.message : String(error));
      if (this.line) this.again(id);
    }
    this.onChange();
  }

  private tell({ items, usage }: Known): void {
    const { line } = this;
    if (!line) return;
    this.transcript = new Transcript();
    this.view.clear(isLive(line) ? "Nothing was said yet." : "Nothing was said.");
    for (const event of history(items)) this.transcript.take(event, -1);
    for (const event of this.waiting ?? []) this.transcript.take(event, this.at);
    this.waiting = null;
    this.view.show(this.transcript.entries);
    this.describe(line);
    const tokens = Number(usage["total_tokens"] ?? 0);
    if (tokens) byTest("figures").append(figure("tokens", tokens.toLocaleString("en")));
  }

  /** Resolves once events come, or will not. */
  private watch(id: string, callId: string): Promise<void> {
    if (this.id !== id) return Promise.resolve();
    const socket = (this.socket = this.api.socket(callId));
    socket.onmessage = ({ data }) => this.take(JSON.parse(String(data)) as RealtimeEvent);
    return new Promise((resolve) => {
      socket.onopen = () => resolve();
      socket.onclose = () => {
        resolve();
        if (this.socket === socket) this.again(id);
      };
    });
  }

  private again(id: string): void {
    setTimeout(() => {
      if (this.id === id && this.line && isLive(this.line)) void this.read(id);
    }, AGAIN_MS);
  }

  private take(event: RealtimeEvent): void {
    if (typeof event["at_ms"] === "number") this.at = event["at_ms"];
    else if (this.at < 0 && this.line) this.at = 1000 * lasted(this.line, Date.now() / 1000);
    this.inspector.add(false, event, Math.max(0, this.at));
    if (event.type === "talkover.gap" && this.line) return void this.read(this.line.id);
    if (event.type === "talkover.taken_over") {
      this.taken = event["on"] === true;
      this.onChange();
    }
    if (this.waiting) {
      if (this.waiting.length < MOST_WAITING) this.waiting.push(event);
    } else if (this.transcript.take(event, this.at)) this.view.show(this.transcript.entries);
  }

  private describe(line: Line): void {
    const { agent, user, status, node: at, transport, began_at, reason, figures: f } = line;
    part("title").textContent = [agent ?? "A call", user].filter(Boolean).join(" · ");
    const began = new Date(began_at * 1000).toLocaleString();
    const state = isLive(line) ? status : `ended: ${reason ?? "over"}`;
    part("about").textContent = [line.id, state, `on ${at}`, transport, began].filter(Boolean).join(" · ");
    const told: [string, string][] = [["duration", clock(lasted(line, Date.now() / 1000))]];
    if (f) {
      told.push(["turns", String(f.turns)], ["last turn", ms(f.last_ms)], ["p50", ms(f.p50_ms)], ["p95", ms(f.p95_ms)]);
      told.push(["interruptions", String(f.interruptions)], ["errors", String(f.errors)], ["tools", String(f.tools)]);
    }
    byTest("figures").replaceChildren(...told.map(([name, value]) => figure(name, value)));
  }
}

const ms = (value: number | null) => (value === null ? "–" : `${Math.round(value)} ms`);
const figure = (name: string, value: string) => node("div", "", node("dt", "", name), node("dd", "", value));
