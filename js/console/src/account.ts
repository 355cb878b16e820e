import { node } from "./dom";

/** Milliseconds by stage, as `talkover.turn` tells them, and `total`. */
export type Timings = Record<string, number>;

export interface Bar {
  stage: string;
  name: string;
  /** What happens in it. */
  what: string;
  /** Milliseconds since the silence began. */
  from: number;
  ms: number;
}

const STAGES: [stage: string, name: string, what: string][] = [
  ["capture", "Microphone", "the microphone and its processing hold your voice back"],
  ["uplink", "Network, there", "your last packet travels"],
  ["jitter", "Jitter", "it came later than the fastest one"],
  ["wait", "End of turn", "it becomes sure that you are done"],
  ["stt", "Recognition", "your last words are understood"],
  ["llm", "Model", "the first word of the answer is thought up"],
  ["sentence", "Sentence", "its first sentence becomes whole"],
  ["tts", "Voice", "the first sound of it is made"],
  ["play", "Playout", "it waits for its frame, and begins with silence"],
  ["downlink", "Network, back", "the first packet of the answer travels"],
  ["buffer", "Player", "your browser waits for jitter, and its loudspeaker for it"],
];
const FIGURES: [stages: string[], label: string][] = [
  [["jitter", "wait"], "wait"], [["stt"], "STT"], [["llm", "sentence"], "LLM"], [["tts"], "TTS"],
  [["play"], "play"], [["capture", "uplink", "downlink", "buffer"], "way"],
];

/** The stages that were measured, one after the other. */
export function waterfall(timings: Timings): Bar[] {
  let from = 0;
  return STAGES.flatMap(([stage, name, what]) => {
    const ms = timings[stage];
    if (ms === undefined) return [];
    from += ms;
    return [{ stage, name, what, from: from - ms, ms }];
  });
}

/** The silence before an answer: its bar and figures, and opened, the whole account as a table. */
export function account(timings: Timings): HTMLElement {
  const bars = waterfall(timings);
  const total = timings["total"] ?? 0;
  const strip = node("span", "stages", ...bars.map(({ stage, ms }) => segment(stage, ms)));
  strip.setAttribute("aria-hidden", "true");
  const summary = node("summary", "", strip, node("b", "total", milliseconds(total)), figures(timings));
  summary.title = "From the end of your words to the agent's first sound; open for all of it";
  const made = node("details", "account", summary, table(bars, total));
  made.dataset["testid"] = "account";
  // The newest answer is at the bottom, and its table would be below that.
  summary.onclick = () => requestAnimationFrame(() => made.scrollIntoView({ block: "nearest" }));
  return made;
}

function segment(stage: string, ms: number): HTMLElement {
  const part = node("i", stage);
  part.style.flexGrow = String(ms);
  return part;
}

function figures(timings: Timings): HTMLElement {
  const shown = FIGURES.flatMap(([stages, label]) => {
    const known = stages.flatMap((stage) => timings[stage] ?? []);
    const ms = known.reduce((sum, one) => sum + one, 0);
    return known.length > 0 ? [node("span", stages.at(-1), `${label} ${Math.round(ms)}`)] : [];
  });
  return node("span", "figures", ...shown);
}

function table(bars: Bar[], total: number): HTMLElement {
  const rows = bars.map(({ stage, name, what, from, ms }) => {
    const bar = node("i", stage);
    bar.style.marginInlineStart = `${(100 * from) / (total || 1)}%`;
    bar.style.inlineSize = `${(100 * ms) / (total || 1)}%`;
    const head = node("th", "", name);
    head.scope = "row";
    head.title = what;
    const lane = node("td", "lane", bar);
    lane.setAttribute("aria-hidden", "true");
    return node("tr", "", head, lane, node("td", "ms", milliseconds(ms)));
  });
  const caption = node("caption", "", "From the end of your words to the first sound that you heard");
  const made = node("table", "waterfall", caption, node("tbody", "", ...rows));
  made.dataset["testid"] = "waterfall";
  return made;
}

const milliseconds = (ms: number) => `${Math.round(ms)} ms`;
