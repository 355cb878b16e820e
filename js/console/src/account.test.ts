import { expect, test } from "vitest";
import { waterfall } from "./account";

test("the stages follow each other as they passed, whatever their order on the wire", () => {
  const bars = waterfall({ wait: 96, uplink: 20, total: 166, llm: 50 });
  expect(bars.map(({ stage, from, ms }) => [stage, from, ms])).toEqual([
    ["uplink", 0, 20], ["wait", 20, 96], ["llm", 116, 50],
  ]);
});

test("a stage of nothing is shown, one that nobody measured is not", () => {
  expect(waterfall({ stt: 0, total: 0 }).map(({ stage }) => stage)).toEqual(["stt"]);
});
