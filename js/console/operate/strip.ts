import { node } from "../src/dom";
import { isLive, silence, type Line, type Node } from "./fleet";

/** The nodes: how full each is, and how long its callers wait for an answer. */
export function strip(nodes: Node[], lines: Line[]): HTMLElement[] {
  const cards = nodes.map((one) => card(one, lines.filter((line) => line.node === one.id)));
  if (nodes.length < 2) return cards;
  const sum = (of: (one: Node) => number): number => nodes.reduce((all, one) => all + of(one), 0);
  const all = { id: "All nodes", live: sum(({ live }) => live), limit: sum(({ limit }) => limit), ready: true };
  return [card(all, lines, sum(room)), ...cards];
}

const room = ({ live, limit, ready }: Node): number => (ready ? Math.max(0, limit - live) : 0);

function card(one: Node, lines: Line[], left = room(one)): HTMLElement {
  const live = lines.filter(isLive);
  const [p50, p95] = [silence(live, 0.5), silence(live, 0.95)];
  const fill = node("i");
  fill.style.inlineSize = `${Math.min(100, (100 * one.live) / (one.limit || 1))}%`;
  const bar = node("span", "bar-of", fill);
  bar.setAttribute("aria-hidden", "true");
  const waits = node("span", "", p50 === null ? "no turns yet" : `silence p50 ${p50} ms · p95 ${p95} ms`);
  waits.title = "From the end of the words to the answer, over all turns of the live calls";
  const state = one.ready ? [] : [node("span", "badge", "takes no calls")];
  const made = node("li", one.ready ? "" : "closed", node("b", "", one.id), ...state, bar);
  made.append(node("span", "", `${one.live} live, room for ${left}`), waits);
  made.dataset["testid"] = "node";
  return made;
}
