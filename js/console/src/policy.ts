/** How turns end and whether the user's voice interrupts, as the session is told and as a file. */
export interface TurnPolicy {
  push: boolean;
  /** `words`: by what was said, as patiently as `eagerness` says. `silence`: after so many ms. */
  end: "words" | "silence";
  eagerness: "low" | "medium" | "high";
  silenceMs: number;
  interrupts: boolean;
  answers: boolean;
}

export const NORMAL: TurnPolicy = {
  push: false, end: "words", eagerness: "medium", silenceMs: 500, interrupts: true, answers: true,
};

/** The protocol's `session.update`. */
export function update(policy: TurnPolicy): { type: "session.update"; session: object } {
  const common = { create_response: policy.answers, interrupt_response: policy.interrupts };
  const vad =
    policy.end === "words"
      ? { type: "semantic_vad", eagerness: policy.eagerness, ...common }
      : { type: "server_vad", silence_duration_ms: policy.silenceMs, ...common };
  const turn_detection = policy.push ? null : vad;
  return { type: "session.update", session: { type: "realtime", audio: { input: { turn_detection } } } };
}

const PATIENCE = {
  low: [300, 800, 1200, 2500],
  medium: [96, 450, 600, 1200],
  high: [64, 250, 450, 900],
} as const;

/** The same as lines of talkover.toml. */
export function toml(policy: TurnPolicy): string {
  const { silenceMs: s } = policy;
  const [complete, neutral, none, incomplete] =
    policy.end === "words" ? PATIENCE[policy.eagerness] : [Math.min(96, s), s, s, Math.max(1200, s)];
  const lines = [
    "[turn]",
    ...(policy.push ? ['mode = "manual"'] : []),
    `silence_complete_ms = ${complete}`,
    `silence_ms = ${neutral}`,
    `silence_no_words_ms = ${none}`,
    `silence_incomplete_ms = ${incomplete}`,
    ...(policy.interrupts ? [] : ['interruptions = "overlap"']),
    ...(policy.answers ? [] : ["create_response = false"]),
  ];
  return `${lines.join("\n")}\n`;
}
