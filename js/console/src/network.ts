import type { Stats } from "../../client";

export interface Verdict {
  /** "UDP", "TCP", "Relay", "WebSocket". */
  way: string;
  /** "RTT 24 ms", "loss 0.0 %", … */
  figures: string[];
  /** What is wrong, and what to do; empty while all is well. */
  trouble: string;
}

const WAYS: Record<string, string> = {
  udp: "UDP", tcp: "TCP", relay: "Relay", websocket: "WebSocket", "": "",
};
const MOST_LOSS = 5;
const MOST_RTT = 400;
const MOST_JITTER = 80;

/** What the strip says of the network. */
export function verdict({ transport, rttMs, lossPercent, jitterMs }: Stats): Verdict {
  const figures: string[] = [];
  if (rttMs !== null) figures.push(`RTT ${rttMs.toFixed(0)} ms`);
  if (lossPercent !== null) figures.push(`loss ${lossPercent.toFixed(1)} %`);
  if (jitterMs !== null) figures.push(`jitter ${jitterMs.toFixed(0)} ms`);
  return { way: WAYS[transport] ?? transport, figures, trouble: trouble(lossPercent, rttMs, jitterMs) };
}

function trouble(loss: number | null, rtt: number | null, jitter: number | null): string {
  if ((loss ?? 0) > MOST_LOSS) {
    return `${loss?.toFixed(0)} % of the sound is lost on its way: move closer to the router, or use a cable.`;
  }
  if ((rtt ?? 0) > MOST_RTT) {
    return "Answers take long to get here: leave the VPN, or use a server that is nearer.";
  }
  if ((jitter ?? 0) > MOST_JITTER) {
    return "Sound arrives unevenly: pause downloads and other calls on this network.";
  }
  return "";
}
