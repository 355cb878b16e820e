/** Both sides' sound on one time axis, and what happened to the agent's voice. Pure. */
export type Happening = "duck" | "hold" | "resume" | "cut" | "mm-hm";
export type Level = "full" | "duck" | "hold";

export interface Column {
  user: number;
  agent: number;
  level: Level;
}

/** Things that happened close together, as one label that grows: "duck › hold › cut". */
export interface Episode {
  at: number;
  steps: { what: Happening; at: number }[];
}

/** Words at the time at which they were said. */
export interface Caption {
  id: string;
  side: "user" | "agent";
  at: number;
  text: string;
}

export interface Band {
  from: number;
  to: number;
}

export const STEP_MS = 40;
const KEPT = 1200;
const MOST_CAPTIONS = 300;
const MOST_EPISODES = 40;
/** Above a quiet room's noise; below it nobody speaks. */
const USER_AUDIBLE = 0.02;
/** The agent's silence is digital, and its ducked voice is faint. */
const AGENT_AUDIBLE = 0.004;
/** The gap within speech that still counts as speaking, in columns. */
const GAP = 8;
const EPISODE_MS = 1200;

/** Times are milliseconds since the call began. */
export class Timeline {
  /** The column number of `columns[0]`. */
  first = 0;
  readonly columns: Column[] = [];
  readonly episodes: Episode[] = [];
  readonly captions: Caption[] = [];
  private level: Level = "full";

  /** Levels heard at a time, 0 to 1; the loudest of a column counts. */
  push(at: number, user: number, agent: number): void {
    const wanted = Math.floor(at / STEP_MS);
    if (this.columns.length === 0) this.first = wanted;
    while (this.first + this.columns.length <= wanted) {
      const before = this.columns.at(-1);
      // A page in the background is not asked often enough; what it missed is as before.
      const [u, a] = before ? [before.user, before.agent] : [0, 0];
      this.columns.push({ user: u, agent: a, level: this.level });
      const now = this.columns.at(-1);
      if (now && this.first + this.columns.length - 1 === wanted) now.user = now.agent = 0;
    }
    const column = this.columns[wanted - this.first];
    if (column) {
      column.user = Math.max(column.user, user);
      column.agent = Math.max(column.agent, agent);
      column.level = this.level;
    }
    while (this.columns.length > KEPT) {
      this.columns.shift();
      this.first++;
    }
  }

  happen(what: Happening, at: number): void {
    if (what !== "mm-hm") this.level = what === "duck" ? "duck" : what === "hold" ? "hold" : "full";
    const last = this.episodes.at(-1);
    const step = last?.steps.at(-1);
    const soon = step !== undefined && at - step.at < EPISODE_MS;
    if (last && soon && step.what === "resume" && what === "duck") {
      // It went on for a breath only: the same label goes on.
      last.steps.pop();
    } else if (last && soon && !isOver(last, what)) {
      if (step.what !== what) last.steps.push({ what, at });
    } else this.episodes.push({ at, steps: [{ what, at }] });
    if (this.episodes.length > MOST_EPISODES) this.episodes.shift();
  }

  /** Words said from `at` on; the same id replaces its words and keeps its place. */
  say(side: Caption["side"], id: string, at: number, text: string): void {
    const known = this.captions.findLast((caption) => caption.id === id);
    if (known) known.text = text;
    else this.captions.push({ id, side, at, text });
    if (this.captions.length > MOST_CAPTIONS) this.captions.shift();
  }

  /** Where both had the floor: both audible, or the agent's voice lowered under the user's. */
  overlaps(): Band[] {
    const user = spans(this.columns.map((c) => c.user > USER_AUDIBLE), GAP);
    const agent = spans(this.columns.map((c) => c.agent > AGENT_AUDIBLE || c.level !== "full"), GAP);
    const bands: Band[] = [];
    let from = -1;
    for (let n = 0; n <= this.columns.length; n++) {
      const both = n < this.columns.length && user[n] && agent[n];
      if (both && from < 0) from = n;
      if (!both && from >= 0) {
        bands.push({ from: (this.first + from) * STEP_MS, to: (this.first + n) * STEP_MS });
        from = -1;
      }
    }
    return bands;
  }
}

function isOver(episode: Episode, next: Happening): boolean {
  const last = episode.steps.at(-1)?.what;
  return last === "cut" || last === "mm-hm" || (last === "resume" && next !== "mm-hm");
}

/** Speech with its short gaps closed. */
function spans(voiced: boolean[], gap: number): boolean[] {
  const closed = [...voiced];
  let last = -Infinity;
  voiced.forEach((is, n) => {
    if (!is) return;
    if (n - last <= gap) closed.fill(true, last, n);
    last = n;
  });
  return closed;
}

/** A call that shows everything once: you cut in and it stops, you say mm-hm and it goes on. */
export function example(): Timeline {
  const t = new Timeline();
  const said: [Caption["side"], number, string][] = [
    ...words(600, 340, "Once there was a lighthouse keeper"),
    ["user", 2700, "mm-hm"],
    ...words(3330, 340, "who talked to ships. Every evening"),
    ["user", 5500, "wait, what was her name?"],
    ...words(7500, 300, "Her name was Ada."),
  ];
  said.forEach(([side, at, text], n) => t.say(side, String(n), at, text));
  const happened: [number, Happening][] = [
    [2760, "duck"], [2960, "hold"], [3300, "resume"], [3300, "mm-hm"],
    [5560, "duck"], [5760, "hold"], [6160, "cut"],
  ];
  for (let at = 0; at < 9000; at += STEP_MS) {
    for (const [when, what] of happened.splice(0, happened.filter(([when]) => when <= at).length)) {
      t.happen(what, when);
    }
    const user = within(at, [[2700, 3230], [5500, 7100]]) ? voice(at, 1) : 0;
    const talks = within(at, [[600, 2960], [3300, 5760], [7500, 8650]]);
    const level = within(at, [[2760, 2960], [5560, 5760]]) ? 0.25 : 1;
    t.push(at, user, talks ? level * voice(at, 2) : 0);
  }
  return t;
}

function words(from: number, each: number, text: string): [Caption["side"], number, string][] {
  return text.split(" ").map((word, n) => ["agent", from + n * each, word]);
}

const within = (at: number, spans: [number, number][]) => spans.some(([a, b]) => at >= a && at < b);

/** Something with the rise and fall of speech. */
function voice(at: number, seed: number): number {
  const syllable = Math.abs(Math.sin(at / (115 + 9 * seed) + seed));
  const grain = 0.6 + 0.4 * Math.sin(at / 37 + seed * 7) * Math.sin(at / 61);
  return 0.03 + 0.24 * syllable * grain;
}
