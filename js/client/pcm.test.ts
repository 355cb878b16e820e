import { expect, test } from "vitest";
import { decode, encode } from "./pcm.js";

test("samples come back as they went", () => {
  const samples = Float32Array.from({ length: 9000 }, (_, n) => Math.sin(n / 10));
  const back = decode(encode(samples));
  expect(back.length).toBe(samples.length);
  expect(Math.max(...back.map((v, n) => Math.abs(v - samples[n]!)))).toBeLessThan(1 / 16000);
});

test("what is too loud is clipped, not wrapped", () => {
  expect([...decode(encode(Float32Array.of(2, -2)))].map(Math.round)).toEqual([1, -1]);
});
