import assert from "node:assert/strict";
import { test } from "node:test";

import { counted, exactly, figure, milliseconds, quantile, seconds, signed, signedExactly, size, statistics } from "../../voicecli/reports/html/figures.js";

test("quantiles lie between the values around them, as in voicecli/figures/budget.py", () => {
  const values = [30, 10, 20, 40];
  assert.deepEqual([0, 0.5, 0.95, 1].map((share) => quantile(values, share)), [10, 25, 38.5, 40]);
  assert.deepEqual(values, [30, 10, 20, 40]);
});

test("a p95 is told of 20 values, not of 19", () => {
  const values = Array.from({ length: 20 }, (_, at) => at);
  assert.equal(statistics(values.slice(1))?.p95, null);
  assert.deepEqual(statistics(values), { n: 20, p50: 9.5, p95: 18.05, min: 0, max: 19 });
  assert.equal(statistics([]), null);
});

test("figures have a decimal where it says something, and where they sum to a whole", () => {
  assert.deepEqual([0, -0.01, 9.96, 99.96, 1131.9].map(figure), ["0.0", "0.0", "10.0", "100", "1132"]);
  assert.deepEqual([600, -0.04, -10.25].map(exactly), ["600.0", "0.0", "-10.3"]);
  assert.deepEqual([milliseconds(null), milliseconds(undefined), milliseconds(4)], ["–", "–", "4.0 ms"]);
});

test("a change has its sign, and none where it is nothing", () => {
  assert.deepEqual([46.2, -3, 0, 0.04, 250].map(signed), ["+46.2", "−3.0", "0.0", "0.0", "+250"]);
  assert.deepEqual([250, -0.04].map(signedExactly), ["+250.0", "0.0"]);
});

test("times, sizes and counts read as one says them", () => {
  assert.deepEqual([0, 9999, 61_500].map(seconds), ["0.00 s", "10.00 s", "1:01.50"]);
  assert.deepEqual([81_900, 1_250_000].map(size), ["82 kB", "1.3 MB"]);
  assert.deepEqual([counted(1, "call"), counted(2, "call")], ["1 call", "2 calls"]);
});
