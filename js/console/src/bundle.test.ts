import { expect, test } from "vitest";
import { levels, picture, readBundle, type Fact } from "./bundle";
import { unzip } from "./zip";

const about = { format: 1, session: "sess_1", agent: "demo", began: "2026-01-01T00:00:00Z", seconds: 2 };

/** A zip archive: each part deflated or as it is. */
async function zip(parts: Record<string, string>, packed: boolean): Promise<Blob> {
  const made: BlobPart[] = [];
  const list: BlobPart[] = [];
  let [at, listed] = [0, 0];
  for (const [name, text] of Object.entries(parts)) {
    const squeezed = new Blob([text]).stream().pipeThrough(new CompressionStream("deflate-raw"));
    const content = packed ? await new Response(squeezed).arrayBuffer() : new TextEncoder().encode(text);
    const head = new DataView(new ArrayBuffer(30));
    head.setUint32(0, 0x04034b50, true);
    head.setUint16(26, name.length, true);
    head.setUint16(28, 4, true);
    const entry = new DataView(new ArrayBuffer(46));
    entry.setUint32(0, 0x02014b50, true);
    entry.setUint16(10, packed ? 8 : 0, true);
    entry.setUint32(20, content.byteLength, true);
    entry.setUint16(28, name.length, true);
    entry.setUint32(42, at, true);
    made.push(head.buffer, name, new Uint8Array(4), content);
    list.push(entry.buffer, name);
    at += 34 + name.length + content.byteLength;
    listed += 46 + name.length;
  }
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, 0x06054b50, true);
  end.setUint32(12, listed, true);
  end.setUint32(16, at, true);
  return new Blob([...made, ...list, end.buffer, "a comment"]);
}

const whole = {
  "about.json": JSON.stringify(about), "turns.json": "[]", "user.opus": "u", "agent.opus": "a",
  "facts.jsonl": '{"n": 1, "ms": 40, "event": {"type": "talkover.ducked"}}\n',
};

test("a bundle is read, packed or not", async () => {
  for (const packed of [false, true]) {
    const bundle = await readBundle(await zip(whole, packed));
    expect(bundle.about.agent).toBe("demo");
    expect(bundle.facts[0]?.event.type).toBe("talkover.ducked");
    expect(await bundle.agent.text()).toBe("a");
  }
});

test("what is no bundle is told in words", async () => {
  await expect(unzip(new Blob(["no zip"]))).rejects.toThrow("no zip archive");
  const { "turns.json": _, ...torn } = whole;
  await expect(readBundle(await zip(torn, true))).rejects.toThrow("has no turns.json");
  const newer = { ...whole, "about.json": JSON.stringify({ ...about, format: 2 }) };
  await expect(readBundle(await zip(newer, true))).rejects.toThrow("format 2");
});

test("loudness is measured by columns of 40 ms", () => {
  const samples = new Float32Array(2000).fill(0.5, 1000);
  expect([...levels(samples, 25_000)]).toEqual([0, 0.5]);
});

test("a picture shows what had happened by then, and no more", () => {
  const of = (ms: number, type: string, more: object = {}): Fact => ({ ms, event: { type, ...more } });
  const facts = [
    of(0, "output_audio_buffer.started"), of(400, "talkover.ducked"), of(600, "talkover.held"),
    of(800, "response.done", { response: { status: "cancelled" } }),
  ];
  const level = new Float32Array(100).fill(0.3);
  const steps = (now: number) => picture(facts, level, level, now).episodes.flatMap((e) => e.steps.map((s) => s.what));
  expect(steps(300)).toEqual([]);
  expect(steps(500)).toEqual(["duck"]);
  expect(steps(2000)).toEqual(["duck", "hold", "cut"]);
  const shown = picture(facts, level, level, 2000);
  expect(shown.columns.length).toBe(51);
  expect([5, 12, 17, 30].map((n) => shown.columns[n]?.level)).toEqual(["full", "duck", "hold", "full"]);
});

test("a picture of a late moment is as short as one of an early one", () => {
  const level = new Float32Array(100_000).fill(0.3);
  const late = picture([], level, level, 3_600_000);
  expect(late.first + late.columns.length).toBe(90_001);
  expect(late.columns.length).toBeLessThan(1300);
});
