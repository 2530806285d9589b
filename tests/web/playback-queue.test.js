import assert from "node:assert/strict";
import { test } from "node:test";

import { firstAudible, PlaybackQueue } from "../../web/audio/playback-queue.js";

const MS = 48;

/** So many ms of one value. */
function sound(ms, value = 0.5) {
  return new Float32Array(ms * MS).fill(value);
}

function pull(queue, ms) {
  const out = new Float32Array(ms * MS);
  for (let at = 0; at < out.length; at += 48) queue.pull(out.subarray(at, at + 48));
  return out;
}

function sum(samples) {
  return Math.round(samples.reduce((total, sample) => total + Math.abs(sample), 0) * 2) / MS;
}

test("a reply starts with its first piece and is played without a seam", () => {
  const queue = new PlaybackQueue();
  queue.push(1, sound(3, 0.25));
  queue.push(1, sound(3, 0.5));
  assert.deepEqual(pull(queue, 6), Float32Array.from([...sound(3, 0.25), ...sound(3, 0.5)]));
});

test("the report tells what was given out, what waits, and that it is over", () => {
  const queue = new PlaybackQueue();
  queue.push(3, sound(30));
  pull(queue, 10);
  assert.deepEqual(queue.report(), {
    turnId: 3, playedSamples: 480, idleSamples: 0, bufferedSamples: 960, playing: true, ended: false, underruns: 0,
    leadSamples: 0,
  });
  queue.end(3);
  pull(queue, 25);
  assert.deepEqual(queue.report(), {
    turnId: 3, playedSamples: 1440, idleSamples: 240, bufferedSamples: 0, playing: false, ended: true, underruns: 0,
    leadSamples: 0,
  });
});

test("running dry before the end is an underrun, and from then on a lead is wanted", () => {
  const queue = new PlaybackQueue();
  queue.push(1, sound(5));
  pull(queue, 10);
  assert.equal(queue.underruns, 1);
  queue.push(1, sound(20));
  assert.equal(sum(pull(queue, 5)), 0);
  queue.push(1, sound(20));
  assert.equal(sum(pull(queue, 5)), 5);
  assert.equal(queue.report().playedSamples, 10 * MS);
});

test("a lead that does not come is waited for no longer than it is long", () => {
  const queue = new PlaybackQueue();
  queue.push(1, sound(5));
  pull(queue, 6);
  queue.push(1, sound(20));
  assert.equal(sum(pull(queue, 40)), 0);
  assert.equal(sum(pull(queue, 20)), 20);
});

test("what is left of a reply is played at once when it is known to be all", () => {
  const queue = new PlaybackQueue();
  queue.push(1, sound(5));
  pull(queue, 6);
  queue.push(1, sound(10));
  queue.end(1);
  assert.equal(sum(pull(queue, 10)), 10);
});

test("the lead grows with each underrun up to 400 ms, and shrinks with each reply without one", () => {
  const queue = new PlaybackQueue();
  for (let count = 0; count < 12; count++) {
    queue.push(1, sound(5));
    pull(queue, 500);
  }
  assert.equal(queue.report().leadSamples, 400 * MS);
  queue.end(1);
  pull(queue, 5);
  assert.equal(queue.report().leadSamples, 400 * MS);
  queue.push(2, sound(500));
  queue.end(2);
  pull(queue, 510);
  assert.equal(queue.report().leadSamples, 300 * MS);
});

test("a flushed reply fades out within 5 ms, and tells when it was silent", () => {
  const queue = new PlaybackQueue();
  queue.push(1, sound(100));
  pull(queue, 10);
  queue.flush(1);
  const out = new Float32Array(20 * MS);
  queue.pull(out);
  assert.ok(out[0] > 0.49 && out[100] < 0.3);
  assert.ok(out.subarray(5 * MS).every((sample) => sample === 0));
  assert.equal(queue.silentAt, 5 * MS);
  assert.deepEqual([queue.report().playing, queue.report().bufferedSamples], [false, 0]);
});

test("a flush takes its own reply only", () => {
  const queue = new PlaybackQueue();
  queue.push(1, sound(10, 0.1));
  queue.push(2, sound(10, 0.5));
  queue.flush(1);
  assert.deepEqual(pull(queue, 10), sound(10, 0.5));
  queue.push(2, sound(10, 0.5));
  queue.flush(1);
  assert.deepEqual(pull(queue, 10), sound(10, 0.5));
});

test("the first audible sample is told once, where it is", () => {
  const queue = new PlaybackQueue();
  queue.push(1, Float32Array.from([...new Float32Array(50), ...sound(10)]));
  const found = [];
  for (let block = 0; block < 4; block++) {
    queue.pull(new Float32Array(128));
    if (queue.audibleAt >= 0) found.push([block, queue.audibleAt]);
  }
  assert.deepEqual(found, [[0, 50]]);
});

test("a click is not audible", () => {
  const click = new Float32Array(960);
  click[100] = 0.05;
  assert.equal(firstAudible(click), -1);
  assert.equal(firstAudible(sound(20)), 0);
});

test("past thirty seconds nothing more is taken in", () => {
  const queue = new PlaybackQueue();
  for (let count = 0; count < 30; count++) assert.equal(queue.push(1, sound(1_000)), true);
  assert.equal(queue.push(1, sound(1)), false);
  assert.equal(queue.refused, MS);
});

test("after a reset the same turn id is another reply", () => {
  const queue = new PlaybackQueue();
  queue.push(1, sound(100));
  pull(queue, 10);
  queue.reset();
  pull(queue, 10);
  queue.push(1, sound(10));
  assert.equal(sum(pull(queue, 10)), 10);
  assert.equal(queue.report().playedSamples, 480);
});
