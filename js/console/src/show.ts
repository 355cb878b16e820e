import { account } from "./account";
import { node } from "./dom";
import { clock } from "./lanes";
import { stretches, type Entry, type Line, type Stretch, type ToolRow } from "./transcript";

const NEAR = 120;
const MOST_UNHEARD = 110;
const TAGS: Record<Stretch["as"], keyof HTMLElementTagNameMap> = {
  said: "span", word: "mark", ahead: "span", unheard: "s", murmur: "em",
};

/** Shows entries in a list, touching only those that changed. */
export class TranscriptView {
  private readonly shown = new Map<string, { node: HTMLElement; as: string }>();
  private readonly announced = new Set<string>();

  /** `announce` is a live region: it is told each line once, when it is over. `user`: their name. */
  constructor(
    private readonly list: HTMLElement,
    private readonly announce: HTMLElement,
    private readonly user = "You",
  ) {}

  clear(placeholder: string): void {
    this.shown.clear();
    this.announced.clear();
    this.list.replaceChildren(node("li", "empty", placeholder));
    this.announce.replaceChildren();
  }

  show(entries: readonly Entry[]): void {
    if (entries.length > 0) this.list.querySelector(".empty")?.remove();
    const { scrollHeight, scrollTop, clientHeight } = this.list;
    const near = scrollHeight - scrollTop - clientHeight < NEAR;
    const gone = new Set(this.shown.keys());
    for (const entry of entries) {
      gone.delete(key(entry));
      this.update(entry);
    }
    for (const id of gone) {
      this.shown.get(id)?.node.remove();
      this.shown.delete(id);
    }
    if (near) this.list.scrollTop = this.list.scrollHeight;
  }

  private update(entry: Entry): void {
    const [id, as] = [key(entry), JSON.stringify(entry)];
    const before = this.shown.get(id);
    if (before?.as === as) return;
    const made = render(entry, this.user);
    if (before) {
      const open = before.node.querySelector("details")?.open;
      const details = made.querySelector("details");
      if (open && details) details.open = true;
      before.node.replaceWith(made);
    } else this.list.append(made);
    this.shown.set(id, { node: made, as });
    this.tell(entry);
  }

  private tell(entry: Entry): void {
    if (entry.kind !== "line" || !entry.line.over || this.announced.has(entry.line.id)) return;
    const { id, who, text, heard } = entry.line;
    this.announced.add(id);
    const said = heard === null ? text : `${text.slice(0, heard)}, interrupted`;
    this.announce.replaceChildren(`${who === "user" ? this.user : "Agent"}: ${said}`);
  }
}

function key(entry: Entry): string {
  if (entry.kind === "line") return entry.line.id;
  return entry.kind === "tool" ? entry.tool.id : entry.remark.id;
}

function render(entry: Entry, user: string): HTMLElement {
  if (entry.kind === "line") return line(entry.line, user);
  if (entry.kind === "tool") return tool(entry.tool);
  return node("li", "row error", node("span", "when"), node("p", "", entry.remark.text));
}

function line(l: Line, user: string): HTMLElement {
  const words = node("p", "", ...stretches(l).map(shortened).map(stretch));
  const said = node("div", "body", words);
  if (l.typed) words.append(note("typed"));
  if (l.heard !== null) words.append(note(`cut, ${count(l.text.slice(l.heard))} unheard`));
  if (l.timings) said.append(account(l.timings));
  const who = node("b", "who", l.who === "user" ? user : "Agent");
  const item = node("li", `row ${l.who}`, when(l.at), who, said);
  if (l.partial) item.classList.add("partial");
  item.dataset["testid"] = "turn";
  return item;
}

function stretch({ as, text }: Stretch): HTMLElement {
  const made = node(TAGS[as], as, text);
  if (as === "murmur") made.title = "You said it while the agent spoke; it went on.";
  return made;
}

/** A long rest that nobody heard is told in its first words. */
function shortened({ as, text }: Stretch): Stretch {
  if (as !== "unheard" || text.length <= MOST_UNHEARD) return { as, text };
  return { as, text: `${text.slice(0, text.lastIndexOf(" ", MOST_UNHEARD))}\u00a0…` };
}

function count(text: string): string {
  const words = text.split(/\s+/).filter(Boolean).length;
  return words === 1 ? "1 word" : `${words} words`;
}

const note = (text: string) => node("small", "note", text);

function tool(row: ToolRow): HTMLElement {
  const state = row.phase === "started" ? "running" : row.ms === null ? row.phase : `${row.ms} ms`;
  const summary = node("summary", "", node("code", "", row.name), node("span", "ms", state));
  const details = node("details", "", summary, field("arguments", pretty(row.arguments)));
  if (row.output !== null) details.append(field(row.phase === "failed" ? "error" : "result", pretty(row.output)));
  const who = node("b", "who", "Tool");
  const item = node("li", `row tool ${row.phase}`, when(row.at), who, details);
  item.dataset["testid"] = "tool";
  return item;
}

/** Of what was said before anybody looked, the time is not known. */
const when = (at: number) => node("span", "when", at < 0 ? "" : clock(at / 1000));
const field = (name: string, text: string) => node("div", "field", node("b", "", name), node("pre", "", text));

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 1);
  } catch {
    return text;
  }
}
