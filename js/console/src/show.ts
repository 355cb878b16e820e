import type { Entry, Line } from "./transcript";

/** Shows entries in a list, touching only those that changed. */
export class TranscriptView {
  private readonly shown = new Map<string, { node: HTMLElement; as: string }>();

  constructor(private readonly list: HTMLElement) {
    this.clear();
  }

  clear(): void {
    this.shown.clear();
    this.list.replaceChildren(node("li", "empty", "Say something. You can interrupt at any time."));
  }

  show(entries: readonly Entry[]): void {
    if (entries.length > 0) this.list.querySelector(".empty")?.remove();
    const near = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 80;
    for (const entry of entries) {
      const as = JSON.stringify(entry);
      const id = key(entry);
      const before = this.shown.get(id);
      if (before?.as === as) continue;
      const made = render(entry);
      if (before) before.node.replaceWith(made);
      else this.list.append(made);
      this.shown.set(id, { node: made, as });
    }
    if (near) this.list.scrollTop = this.list.scrollHeight;
  }
}

function key(entry: Entry): string {
  if (entry.kind === "line") return entry.line.id;
  return entry.kind === "tool" ? entry.tool.id : entry.id;
}

function render(entry: Entry): HTMLElement {
  if (entry.kind === "mark") {
    return node("li", entry.error ? "mark error" : "mark", entry.text);
  }
  if (entry.kind === "tool") {
    const { tool } = entry;
    const item = node("li", "tool", "");
    const details = document.createElement("details");
    const ms = tool.ms === null ? "…" : ` ${tool.ms} ms`;
    details.append(node("summary", "", `${tool.name} ${tool.phase}${ms}`));
    details.append(node("pre", "", tool.arguments), node("pre", "", tool.output ?? ""));
    item.append(details);
    return item;
  }
  return line(entry.line);
}

function line(l: Line): HTMLElement {
  const item = node("li", `line ${l.who}${l.partial ? " partial" : ""}`, "");
  item.dataset["testid"] = "turn";
  const words = document.createElement("p");
  const end = l.heard ?? l.text.length;
  if (l.who === "user" || (l.heard === null && l.word === null && l.spoken >= l.text.length)) {
    words.textContent = l.text;
  } else if (l.heard !== null) {
    words.append(l.text.slice(0, end), node("s", "", l.text.slice(end)));
  } else {
    const [from, to] = l.word ?? [l.spoken, l.spoken];
    words.append(l.text.slice(0, from));
    if (to > from) words.append(node("mark", "", l.text.slice(from, to)));
    words.append(node("span", "ahead", l.text.slice(to)));
  }
  item.append(words);
  if (l.typed) item.append(node("small", "", "typed"));
  if (l.timings) item.append(node("small", "", account(l.timings)));
  return item;
}

/** "wait 96 · llm 12 · … = 173 ms" */
export function account(timings: Record<string, number>): string {
  const { total, ...stages } = timings;
  const parts = Object.entries(stages).map(([name, ms]) => `${name} ${Math.round(ms)}`);
  return `${parts.join(" · ")} = ${Math.round(total ?? 0)} ms`;
}

export function node(tag: string, className: string, text: string): HTMLElement {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}
