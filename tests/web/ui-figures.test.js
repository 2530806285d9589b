import assert from "node:assert/strict";
import { test } from "node:test";

import { audioFormat, bytes, count, fullness, median, milliseconds, stopwatch } from "../../web/ui/figures.js";

test("a median is the middle, or the mean of the two in the middle", () => {
  assert.deepEqual([median([]), median([3]), median([9, 1, 2]), median([4, 1, 2, 3])], [null, 3, 2, 2.5]);
});

test("what is not known is a dash", () => {
  assert.deepEqual([milliseconds(null), milliseconds(NaN), bytes(undefined), count(null), audioFormat(null)], Array(5).fill("–"));
});

test("milliseconds have a decimal only where it says something", () => {
  assert.deepEqual([0, 7.24, 9.96, 812.4, -3.5].map(milliseconds), ["0 ms", "7.2 ms", "10 ms", "812 ms", "-3.5 ms"]);
  assert.deepEqual([0.04, -0.04, 3.02].map(milliseconds), ["0 ms", "0 ms", "3 ms"]);
});

test("a figure is rounded once", () => {
  assert.equal(milliseconds(524.46), "524 ms");
});

test("bytes are told in the unit that fits", () => {
  assert.deepEqual([999, 1500, 2_340_000].map(bytes), ["999 B", "1.5 kB", "2.3 MB"]);
});

test("a format is told with its rate", () => {
  assert.equal(audioFormat({ codec: "opus", rate: 48000 }), "opus, 48 kHz");
});

test("a meter is empty at -60 dBFS and full at -10", () => {
  assert.deepEqual([-Infinity, -100, -60, -35, -10, 0].map(fullness), [0, 0, 0, 0.5, 1, 1]);
});

test("a stopwatch shows minutes, seconds and milliseconds", () => {
  assert.deepEqual([0, 61_007].map(stopwatch), ["0:00.000", "1:01.007"]);
});
