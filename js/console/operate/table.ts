import { node } from "../src/dom";
import { clock } from "../src/lanes";
import { COLUMNS, chosen, lasted, ordered, type Column, type Line, type Order } from "./fleet";

const MOST_ROWS = 500;
const NUMBERS = new Set<string>(["duration", "last", "interruptions", "errors"]);
const names = Object.keys(COLUMNS) as Column[];

/** The calls: sorted by a click on a column's head, filtered, each a link to its own view. */
export class Table {
  text = "";
  state = "live";
  private order: Order = { by: "began", down: true };
  private lines: Line[] = [];
  private readonly body = node("tbody");
  private readonly rest = node("p", "hint");
  private readonly heads = new Map<Column, HTMLElement>();
  private readonly rows = new Map<string, HTMLTableRowElement>();

  constructor(box: HTMLElement) {
    const heads = names.map((name) => {
      const sort = node("button", "", COLUMNS[name]);
      const head = node("th", name, sort);
      head.scope = "col";
      sort.onclick = () => this.sort(name);
      this.heads.set(name, head);
      return head;
    });
    const table = node("table", "calls", node("thead", "", node("tr", "", ...heads)), this.body);
    table.dataset["testid"] = "calls";
    box.append(table, this.rest);
  }

  show(lines = this.lines): void {
    this.lines = lines;
    const now = Date.now() / 1000;
    const all = ordered(chosen(lines, this.text, this.state), this.order, now);
    const shown = all.slice(0, MOST_ROWS);
    const ids = new Set(shown.map(({ id }) => id));
    for (const [id, row] of this.rows) {
      if (ids.has(id)) continue;
      row.remove();
      this.rows.delete(id);
    }
    // Only what changed is touched, or whoever tabs through it would lose their place.
    shown.forEach((line, n) => {
      const row = this.row(line, now);
      if (this.body.children[n] !== row) this.body.insertBefore(row, this.body.children[n] ?? null);
    });
    this.rest.textContent = this.told(all.length);
    for (const [name, head] of this.heads) {
      const sorted = this.order.by === name ? (this.order.down ? "descending" : "ascending") : null;
      if (sorted) head.setAttribute("aria-sort", sorted);
      else head.removeAttribute("aria-sort");
    }
  }

  private told(found: number): string {
    if (found > MOST_ROWS) return `${found - MOST_ROWS} more: filter for what you look for.`;
    if (found > 0) return "";
    if (this.text) return "No call has all of these words.";
    return this.state === "live" ? "Nobody is talking right now. Calls appear here as they begin." : "There are no calls yet.";
  }

  /** Numbers begin with the largest, words with A. A third click goes back to the newest. */
  private sort(by: Column): void {
    const first = NUMBERS.has(by);
    if (this.order.by !== by) this.order = { by, down: first };
    else if (this.order.down === first) this.order = { by, down: !first };
    else this.order = { by: "began", down: true };
    this.show();
  }

  private row(line: Line, now: number): HTMLTableRowElement {
    let row = this.rows.get(line.id);
    if (!row) {
      const link = node("a", "", line.agent ?? line.id);
      link.href = `#${line.id}`;
      row = node("tr", "", node("th", "agent", link), ...names.slice(1).map((name) => node("td", name)));
      row.dataset["testid"] = "session";
      row.onclick = () => link.click();
      link.onclick = (event) => event.stopPropagation();
      this.rows.set(line.id, row);
    }
    row.className = line.status;
    const cells = texts(line, now);
    names.slice(1).forEach((name, n) => {
      const cell = row.cells[n + 1]!;
      if (cell.textContent !== cells[name]) cell.textContent = cells[name] ?? "";
    });
    return row;
  }
}

function texts(line: Line, now: number): Partial<Record<Column, string>> {
  const { figures: f, status, reason } = line;
  return {
    node: line.node,
    status: status === "ended" ? (reason ?? status) : status,
    duration: clock(lasted(line, now)),
    last: f?.last_ms == null ? "–" : `${Math.round(f.last_ms)} ms`,
    interruptions: String(f?.interruptions ?? "–"),
    errors: String(f?.errors ?? "–"),
    user: line.user ?? "–",
  };
}
