import type { RealtimeEvent } from "../../client";
import { copyButton, node } from "../src/dom";
import { codeFor, type Language } from "./code";
import { EventLog, FAMILIES, MOST, family, gist, passes, type Entry, type Family } from "./eventlog";
import { check } from "./raw";

const NEAR = 60;
/** Sound says little, and often. */
const FOLDED: Family = "sound";
const WRITTEN: RealtimeEvent[] = [
  { type: "response.create" },
  {
    type: "conversation.item.create",
    item: { type: "message", role: "user", content: [{ type: "input_text", text: "Hello?" }] },
  },
  { type: "session.update", session: { type: "realtime", instructions: "Be brief." } },
  { type: "output_audio_buffer.clear" },
  { type: "response.cancel" },
  { type: "talkover.message", name: "cart", data: { items: 2 } },
];
const VIEWS = { json: "JSON", python: "Python", javascript: "JavaScript" };
type View = keyof typeof VIEWS;

/** Sends an event; resolves to what is wrong with it, empty where nothing is known to be. */
export type Send = (event: RealtimeEvent) => Promise<string> | string;

/** All events of a call: a list that is filtered and paused, one of them in full, and a way to send. */
export class Inspector {
  private log = new EventLog();
  private readonly families = new Set<Family>(FAMILIES.filter((name) => name !== FOLDED));
  private readonly rows = new Map<Entry, HTMLElement>();
  private readonly list = node("ol", "events");
  private readonly count = node("span", "hint");
  private readonly text = node("input");
  private readonly hold = node("button", "", "Pause");
  private readonly detail = node("section", "detail");
  private readonly raw = node("textarea");
  private readonly verdict = node("p", "verdict");
  private readonly sending = node("button", "strong", "Send");
  private readonly dirty = new Set<Entry>();
  private selected: Entry | null = null;
  private view: View = "json";
  private paused = false;
  private missed = 0;
  private frame = 0;
  /** The event that was sent last, until the server refuses it or another one is sent. */
  private asked = "";

  constructor(private readonly box: HTMLElement, private readonly send: Send) {
    box.classList.add("inspector");
    box.append(this.head(), this.list, this.detail, this.sender());
    this.list.tabIndex = 0;
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", "Events, the newest last");
    this.list.onkeydown = (event) => this.step(event);
    this.detail.hidden = true;
    this.write(WRITTEN[0]!);
    this.rebuild();
  }

  /** `at`: milliseconds since the call began. */
  add(sent: boolean, event: RealtimeEvent, at: number): void {
    const entry = this.log.add(sent, event, at);
    if (!sent && event.type === "error") this.refused(event["error"] as Record<string, unknown>);
    if (this.paused) this.missed++;
    else this.dirty.add(entry);
    // Many come within one picture, and nobody sees a panel that is closed.
    this.frame ||= requestAnimationFrame(() => this.draw());
  }

  clear(): void {
    this.log.clear();
    this.missed = 0;
    this.select(null);
    this.rebuild();
  }

  private head(): HTMLElement {
    const { text, hold } = this;
    text.type = "search";
    text.placeholder = "Filter: a type, an id, a word";
    text.setAttribute("aria-label", "Filter the events");
    text.oninput = () => this.rebuild();
    hold.setAttribute("aria-pressed", "false");
    hold.onclick = () => this.pause();
    const clear = node("button", "", "Clear");
    clear.onclick = () => this.clear();
    const chips = FAMILIES.map((name) => this.chip(name));
    const group = node("div", "families", ...chips);
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", "Kinds of events");
    return node("header", "", node("h2", "", "Events"), this.count, text, hold, clear, group);
  }

  private chip(name: Family): HTMLElement {
    const chip = node("button", "chip", name);
    const show = (): void => chip.setAttribute("aria-pressed", String(this.families.has(name)));
    chip.onclick = () => {
      if (!this.families.delete(name)) this.families.add(name);
      show();
      this.rebuild();
    };
    show();
    return chip;
  }

  private sender(): HTMLElement {
    const { raw, sending, verdict } = this;
    const pick = node("select", "", ...WRITTEN.map(({ type }) => new Option(type)));
    pick.setAttribute("aria-label", "Begin with");
    pick.onchange = () => this.write(WRITTEN[pick.selectedIndex]!);
    raw.rows = 5;
    raw.spellcheck = false;
    raw.setAttribute("aria-label", "An event as JSON");
    raw.oninput = () => this.judge();
    raw.onkeydown = (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void this.submit();
    };
    verdict.setAttribute("role", "status");
    sending.title = "Ctrl + Enter";
    sending.onclick = () => void this.submit();
    const made = node("details", "raw", node("summary", "", "Send an event"), raw, verdict);
    made.append(node("div", "controls", pick, sending));
    return made;
  }

  private write(event: RealtimeEvent): void {
    this.raw.value = JSON.stringify(event, null, 2);
    this.judge();
  }

  private judge(): void {
    const checked = check(this.raw.value);
    this.tell("wrong" in checked ? checked.wrong : "", true);
    this.sending.disabled = "wrong" in checked;
  }

  private async submit(): Promise<void> {
    const checked = check(this.raw.value);
    if ("wrong" in checked) return this.judge();
    const event = { ...checked.event, event_id: checked.event.event_id ?? `raw_${this.log.total}` };
    this.asked = event.event_id;
    this.tell("Sent.", false);
    try {
      const wrong = await this.send(event);
      if (wrong && this.asked === event.event_id) this.tell(wrong, true);
    } catch (error) {
      this.tell(error instanceof Error ? error.message : String(error), true);
    }
  }

  private refused(error: Record<string, unknown>): void {
    if (!this.asked || error["event_id"] !== this.asked) return;
    this.tell(`The server refuses it: ${String(error["message"])}`, true);
  }

  private tell(text: string, wrong: boolean): void {
    this.verdict.textContent = text;
    this.verdict.classList.toggle("wrong", wrong && text !== "");
  }

  private pause(): void {
    this.paused = !this.paused;
    this.missed = 0;
    this.hold.setAttribute("aria-pressed", String(this.paused));
    if (this.paused) this.label();
    else this.rebuild();
  }

  /** What came since the last picture. */
  private draw(): void {
    this.frame = 0;
    const { list } = this;
    const near = list.scrollHeight - list.scrollTop - list.clientHeight < NEAR;
    for (const entry of this.dirty) this.place(entry);
    this.dirty.clear();
    const oldest = this.log.entries[0]?.n ?? 0;
    for (const [entry, row] of this.rows) {
      if (this.paused || entry.n >= oldest) break;
      row.remove();
      this.rows.delete(entry);
    }
    this.label();
    if (near && !this.paused) list.scrollTop = list.scrollHeight;
  }

  private rebuild(): void {
    this.rows.clear();
    this.list.replaceChildren();
    for (const entry of this.log.entries) this.dirty.add(entry);
    this.draw();
    this.list.scrollTop = this.list.scrollHeight;
  }

  private place(entry: Entry): void {
    if (!passes(entry, { text: this.text.value, families: this.families })) return;
    const before = this.rows.get(entry);
    const row = this.row(entry);
    if (before) before.replaceWith(row);
    else this.list.append(row);
    this.rows.set(entry, row);
  }

  private row(entry: Entry): HTMLElement {
    const { sent, event, count, at, n } = entry;
    const way = node("span", "way", sent ? "↑" : "↓");
    way.title = sent ? "sent" : "received";
    const times = count > 1 ? [node("span", "times", `× ${count}`)] : [];
    const when = node("span", "when", (at / 1000).toFixed(2));
    const row = node("li", family(event.type), way, when, node("code", "", event.type), ...times);
    row.append(node("span", "gist", gist(event)));
    row.id = `event-${n}`;
    row.setAttribute("role", "option");
    row.setAttribute("aria-selected", String(entry === this.selected));
    row.dataset["way"] = sent ? "sent" : "received";
    row.onclick = () => this.select(entry);
    return row;
  }

  private label(): void {
    const { total, entries } = this.log;
    const kept = total > MOST ? `, the newest ${MOST.toLocaleString("en")} kept` : "";
    const shown = this.rows.size === entries.length ? "" : `${this.rows.size} of `;
    this.count.textContent = `${shown}${total.toLocaleString("en")}${kept}`;
    this.hold.textContent = !this.paused ? "Pause" : this.missed ? `Go on (${this.missed} new)` : "Go on";
  }

  private step(event: KeyboardEvent): void {
    const shown = [...this.rows.keys()];
    const at = this.selected ? shown.indexOf(this.selected) : -1;
    const to = {
      ArrowDown: at + 1, ArrowUp: at < 0 ? shown.length - 1 : at - 1, Home: 0, End: shown.length - 1,
    }[event.key];
    if (event.key === "Escape" && this.selected) {
      event.stopPropagation();
      return this.select(null);
    }
    if (to === undefined) return;
    event.preventDefault();
    const entry = shown[Math.max(0, Math.min(to, shown.length - 1))];
    if (entry) this.select(entry);
  }

  private select(entry: Entry | null): void {
    if (this.selected) this.rows.get(this.selected)?.setAttribute("aria-selected", "false");
    this.selected = entry;
    this.detail.hidden = entry === null;
    if (!entry) return this.list.removeAttribute("aria-activedescendant");
    this.show(entry);
    const row = this.rows.get(entry);
    row?.setAttribute("aria-selected", "true");
    row?.scrollIntoView({ block: "nearest" });
    this.list.setAttribute("aria-activedescendant", `event-${entry.n}`);
  }

  private show(entry: Entry): void {
    const { sent, event } = entry;
    const text = (): string =>
      this.view === "json" ? JSON.stringify(event, null, 2) : codeFor(this.view as Language, sent, event);
    const shown = node("pre", "", text());
    shown.tabIndex = 0;
    shown.setAttribute("aria-label", `${event.type}: ${VIEWS[this.view]}`);
    const views = (Object.keys(VIEWS) as View[]).map((view) => {
      const button = node("button", "chip", VIEWS[view]);
      button.setAttribute("aria-pressed", String(view === this.view));
      if (view !== "json") button.title = `Lines that ${sent ? "do this" : "handle this"}`;
      button.onclick = () => {
        this.view = view;
        this.show(entry);
        this.detail.querySelector<HTMLElement>(`[aria-pressed="true"]`)?.focus();
      };
      return button;
    });
    const again = node("button", "copy", "Edit and send");
    again.hidden = !sent;
    again.onclick = () => {
      const { event_id: _, ...rest } = event;
      this.write(rest as RealtimeEvent);
      this.box.querySelector("details")!.open = true;
      this.raw.focus();
    };
    const bar = node("div", "families", ...views, node("span", "grow"), again, copyButton("Copy", text));
    this.detail.replaceChildren(bar, shown);
  }
}
