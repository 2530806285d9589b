import assert from "node:assert/strict";
import { test } from "node:test";

import { Backoff, MAX_ATTEMPTS } from "../../web/voicewire/backoff.js";

function delays(backoff) {
  const all = [];
  for (let delay = backoff.next(); delay !== null; delay = backoff.next()) all.push(delay);
  return all;
}

test("the wait doubles up to eight seconds, and there is an end to it", () => {
  const all = delays(new Backoff(() => 1));
  assert.deepEqual(all.slice(0, 7), [250, 500, 1000, 2000, 4000, 8000, 8000]);
  assert.equal(all.length, MAX_ATTEMPTS);
});

test("jitter takes off up to a half", () => {
  assert.deepEqual(delays(new Backoff(() => 0)).slice(0, 2), [125, 250]);
});

test("after a success it begins anew", () => {
  const backoff = new Backoff(() => 1);
  backoff.next();
  backoff.next();
  backoff.reset();
  assert.equal(backoff.next(), 250);
});
