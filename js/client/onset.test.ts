import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Onset } from "./onset";

const NOW = 1_000_000;
const START = { type: "output_audio_buffer.started", rtp_timestamp: 9600 };

beforeEach(() => vi.useFakeTimers({ now: NOW }));
afterEach(() => vi.useRealTimers());

/** What a browser's connection tells: the packet that is played, and reports. */
class Connection {
  playing: { rtpTimestamp: number; timestamp: number } | null = null;
  reports: object[] = [{ type: "remote-outbound-rtp", timestamp: 507, remoteTimestamp: 500 }];

  getReceivers(): object[] {
    return [{ getSynchronizationSources: () => (this.playing ? [this.playing] : []) }];
  }

  async getStats(): Promise<Map<number, object>> {
    return new Map(this.reports.map((report, n) => [n, report]));
  }

  /** A packet is played from now on, for so long. */
  async play(rtpTimestamp: number, ms: number): Promise<void> {
    this.playing = { rtpTimestamp, timestamp: Date.now() };
    await vi.advanceTimersByTimeAsync(ms);
  }
}

function listening(connection: Connection): Onset {
  const onset = new Onset(connection as unknown as RTCPeerConnection);
  onset.take({ type: "input_audio_buffer.speech_stopped" });
  return onset;
}

async function heard(onset: Onset, ms = 10_000): Promise<number | null> {
  const answer = onset.heardAt();
  await vi.advanceTimersByTimeAsync(ms);
  return answer;
}

test("the first packet's moment, by the server's clock and at the loudspeaker", async () => {
  const connection = new Connection();
  connection.reports.push({ type: "media-playout", totalSamplesCount: 480, totalPlayoutDelay: 14.4 });
  const onset = listening(connection);
  await connection.play(960, 100);
  await connection.play(9600, 10);
  onset.take(START);
  await connection.play(10560, 20);
  expect(await heard(onset)).toBe(NOW + 100 - 7 + 30);
});

test("an event that comes after its sound was played", async () => {
  const connection = new Connection();
  const onset = listening(connection);
  await connection.play(9600, 10);
  for (let n = 1; n < 10; n += 1) await connection.play(9600 + 960 * n, 20);
  onset.take(START);
  expect(await heard(onset)).toBe(NOW - 7);
});

test("a packet that nobody saw is known by the next one", async () => {
  const connection = new Connection();
  const onset = listening(connection);
  await connection.play(960, 100);
  onset.take(START);
  await connection.play(10560, 20);
  expect(await heard(onset)).toBe(NOW + 100 - 10 - 7);
});

test("the fastest of the last reports is believed, and RTP time goes round", async () => {
  const connection = new Connection();
  const onset = listening(connection);
  for (const way of [9, 3, 40]) {
    const report = { type: "remote-outbound-rtp", timestamp: 1000 + way, remoteTimestamp: 1000 - way };
    connection.reports = [report];
    onset.report((await connection.getStats()) as unknown as RTCStatsReport);
  }
  onset.take({ ...START, rtp_timestamp: 2 ** 32 - 480 });
  await connection.play(480, 20);
  expect(await heard(onset)).toBe(NOW - 10 - 6);
});

test("where no report came yet, one is waited for; where none comes, nothing is said", async () => {
  const connection = new Connection();
  connection.reports = [];
  const onset = listening(connection);
  onset.take(START);
  await connection.play(9600, 20);
  const answer = onset.heardAt();
  await vi.advanceTimersByTimeAsync(1000);
  connection.reports = [{ type: "remote-outbound-rtp", timestamp: 507, remoteTimestamp: 500 }];
  await vi.advanceTimersByTimeAsync(1000);
  expect(await answer).toBe(NOW - 7);
  const deaf = new Connection();
  deaf.reports = [];
  expect(await heard(listening(deaf))).toBeNull();
});

test("nothing is looked at for longer than an answer takes", async () => {
  const connection = new Connection();
  const looked = vi.spyOn(connection, "getReceivers");
  const onset = listening(connection);
  await vi.advanceTimersByTimeAsync(60_000);
  const most = looked.mock.calls.length;
  await vi.advanceTimersByTimeAsync(1000);
  expect(looked.mock.calls.length).toBe(most);
  onset.take({ type: "response.created" });
  await vi.advanceTimersByTimeAsync(100);
  expect(looked.mock.calls.length).toBeGreaterThan(most);
  onset.close();
});
