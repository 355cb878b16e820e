/** What the nodes tell of their calls, as one list: merged, filtered, ordered. Pure. */
export interface Figures {
  turns: number;
  interruptions: number;
  errors: number;
  tools: number;
  /** Milliseconds of silence before an answer: the last one's, and of all. */
  last_ms: number | null;
  p50_ms: number | null;
  p95_ms: number | null;
}

export interface Line {
  id: string;
  call_id: string;
  status: "live" | "away" | "elsewhere" | "ended";
  agent: string | null;
  user: string | null;
  metadata: Record<string, unknown>;
  node: string;
  transport: string | null;
  /** Unix seconds. */
  began_at: number;
  ended_at: number | null;
  reason: string | null;
  figures?: Figures | null;
}

export interface Node {
  id: string;
  live: number;
  limit: number;
  ready: boolean;
}

export const COLUMNS = {
  agent: "Agent", node: "Node", status: "State", duration: "Duration", last: "Last turn",
  interruptions: "Interruptions", errors: "Errors", user: "User",
} as const;
export type Column = keyof typeof COLUMNS;

export interface Order {
  by: Column | "began";
  down: boolean;
}

const RANK = { live: 0, away: 1, elsewhere: 2, ended: 3 };
/** Who knows most of a session tells of it last. */
const KNOWS = { elsewhere: 0, ended: 1, away: 2, live: 3 };

/** Every session once, as the node has it that it lives on. */
export function merge(lists: Line[][]): Line[] {
  const all = lists.flat().sort((a, b) => KNOWS[a.status] - KNOWS[b.status]);
  return [...new Map(all.map((line) => [line.id, line])).values()];
}

/** Seconds that it has lasted, or did. */
export const lasted = (line: Line, now: number) => Math.max(0, (line.ended_at ?? now) - line.began_at);

export const isLive = (line: Line) => line.status !== "ended";

/** `state`: `live`, `ended`, or all. Each word must be somewhere in a line. */
export function chosen(lines: Line[], text: string, state: string): Line[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return lines.filter((line) => {
    if (state !== "all" && isLive(line) !== (state === "live")) return false;
    const { id, call_id, agent, user, node, status, reason, metadata } = line;
    const all = [id, call_id, agent, user, node, status, reason, JSON.stringify(metadata)].join(" ").toLowerCase();
    return words.every((word) => all.includes(word));
  });
}

/** What is not known comes last, whichever way; what is the same stays with the newest first. */
export function ordered(lines: Line[], { by, down }: Order, now: number): Line[] {
  const sign = down ? -1 : 1;
  const of = (line: Line): string | number | null => {
    switch (by) {
      case "began": return line.began_at;
      case "duration": return lasted(line, now);
      case "status": return RANK[line.status];
      case "last": return line.figures?.last_ms ?? null;
      case "interruptions":
      case "errors": return line.figures?.[by] ?? null;
      default: return line[by]?.toLowerCase() ?? null;
    }
  };
  return [...lines].sort((a, b) => {
    const [x, y] = [of(a), of(b)];
    if (x === y) return b.began_at - a.began_at;
    if (x === null || y === null) return x === null ? 1 : -1;
    return x < y ? -sign : sign;
  });
}

/**
 * The silence, in ms, that `share` of all turns stay within, put together from each call's median and
 * 95th percentile, between which it is taken to run straight; null where no turn was measured.
 */
export function silence(lines: Line[], share: number): number | null {
  const known = lines.flatMap(({ figures: f }) =>
    f && f.turns > 0 && f.p50_ms !== null && f.p95_ms !== null
      ? [{ n: f.turns, p50: f.p50_ms, p95: f.p95_ms }]
      : [],
  );
  if (known.length === 0) return null;
  const within = (ms: number): number => {
    const sum = known.reduce((all, { n, p50, p95 }) => {
      if (ms >= p95) return all + n * (ms > p95 ? 1 : 0.95);
      if (ms < p50) return all + (n * 0.5 * ms) / p50;
      return all + n * (0.5 + (0.45 * (ms - p50)) / (p95 - p50));
    }, 0);
    return sum / known.reduce((all, { n }) => all + n, 0);
  };
  let [low, high] = [0, Math.max(...known.map(({ p95 }) => p95))];
  for (let n = 0; n < 40; n++) {
    const middle = (low + high) / 2;
    if (within(middle) < share) low = middle;
    else high = middle;
  }
  return Math.round(high);
}
