import type { RealtimeEvent } from "./events.js";

const LOOK_MS = 5;
const MOST_LOOKS = 4000;
const REPORT_MS = 300;
const MOST_REPORTS = 20;
/** Of the server's reports the fastest of so many is believed: the others waited somewhere. */
const WAYS = 8;
/** A packet that nobody saw is known by those right after it. */
const NEAR_MS = 60;

/** When the voice of an answer sets in, by the clock of the server that sent it. */
export class Onset {
  private looking: ReturnType<typeof setInterval> | undefined;
  /** When packets were first seen to be played, ms since 1970, by their RTP times. */
  private readonly seen = new Map<number, number>();
  private first: number | null = null;
  /** From the server's clock to ours, the way of its report included. */
  private readonly ways: number[] = [];
  private reported = 0;
  private device = { samples: 0, delay: 0, ms: 0 };

  constructor(private readonly peer: RTCPeerConnection) {}

  take(event: RealtimeEvent): void {
    if (event.type === "output_audio_buffer.started") this.first = Number(event["rtp_timestamp"]);
    // The event that a sound was sent may come after the sound itself was played.
    if (/^(response.created|.*speech_stopped)$/.test(event.type)) this.look();
  }

  report(stats: RTCStatsReport): void {
    for (const entry of stats.values()) {
      if (entry.type === "remote-outbound-rtp" && entry.remoteTimestamp !== this.reported) {
        this.reported = entry.remoteTimestamp;
        this.ways.push(entry.timestamp - entry.remoteTimestamp);
        if (this.ways.length > WAYS) this.ways.shift();
      }
      // Only Chromium knows how long the loudspeaker's device takes.
      if (entry.type === "media-playout" && entry.totalSamplesCount > this.device.samples) {
        const { totalSamplesCount: samples, totalPlayoutDelay: delay } = entry;
        const ms = (1000 * (delay - this.device.delay)) / (samples - this.device.samples);
        this.device = { samples, delay, ms };
      }
    }
  }

  /** In ms since 1970; null where it was not played, or nothing tells when. */
  async heardAt(): Promise<number | null> {
    for (let n = 0; n < MOST_REPORTS; n += 1) {
      await new Promise((resolve) => setTimeout(resolve, REPORT_MS));
      this.report(await this.peer.getStats());
      const at = this.played() + this.device.ms - Math.min(...this.ways);
      if (Number.isFinite(at)) return at;
    }
    return null;
  }

  close(): void {
    clearInterval(this.looking);
    this.looking = undefined;
  }

  private look(): void {
    if (this.looking) return;
    this.seen.clear();
    this.first = null;
    let looks = 0;
    this.looking = setInterval(() => {
      const [voice] = this.peer.getReceivers();
      const [source] = voice?.getSynchronizationSources() ?? [];
      if (source) this.see(source);
      looks += 1;
      if (looks > MOST_LOOKS) this.close();
    }, LOOK_MS);
  }

  private see({ rtpTimestamp: rtp, timestamp }: RTCRtpSynchronizationSource): void {
    if (!this.seen.has(rtp)) this.seen.set(rtp, timestamp);
    if (this.later(rtp) > NEAR_MS) this.close();
  }

  private played(): number {
    let [nearest, at] = [NEAR_MS, NaN];
    for (const [rtp, when] of this.seen) {
      const later = this.later(rtp);
      // After a silence, a browser decodes a packet for each half of one that it plays.
      if (later >= 0 && later < nearest) [nearest, at] = [later, when - later / 2];
    }
    return at;
  }

  /** Milliseconds from the first sound to a packet: RTP time goes round. */
  private later(rtp: number): number {
    return this.first === null ? NaN : ((rtp - this.first) | 0) / 48;
  }
}
