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
    turnId: 3, playedSamples: 480, idleSamples: 0, bufferedSamples: 960, playing: true, paused: false, ended: false,
    underruns: 0, leadSamples: 0,
  });
  queue.end(3);
  pull(queue, 25);
  assert.deepEqual(queue.report(), {
    turnId: 3, playedSamples: 1440, idleSamples: 240, bufferedSamples: 0, playing: false, paused: false, ended: true,
    underruns: 0, leadSamples: 0,
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

/** Samples that tell which they are, and sums of which are exact. */
function counted(from, count) {
  return Float32Array.from({ length: count }, (_, index) => (from + index + 1) / 2 ** 16);
}

/** Blocks of the audio thread. */
function blocks(queue, count, size = 128) {
  const out = new Float32Array(count * size);
  const events = [];
  for (let block = 0; block < count; block++) {
    queue.pull(out.subarray(block * size, (block + 1) * size));
    if (queue.heldAt >= 0) events.push(block * size + queue.heldAt);
  }
  return { out, heldAt: events };
}

const FADE = 5 * MS;

test("a paused reply fades out, stands still, and fades in with the very next sample", () => {
  const queue = new PlaybackQueue();
  queue.push(1, counted(0, 4_000));
  assert.deepEqual(blocks(queue, 1).out, counted(0, 128));
  queue.pause(1);
  const paused = blocks(queue, 5);
  const falling = counted(128, FADE).map((sample, at) => (sample * (FADE - at)) / FADE);
  assert.deepEqual(paused.out, Float32Array.from([...falling, ...new Float32Array(640 - FADE)]));
  assert.deepEqual(paused.heldAt, [FADE]);
  assert.deepEqual(queue.report(), {
    turnId: 1, playedSamples: 128 + FADE, idleSamples: 640 - FADE, bufferedSamples: 4_000 - 128 - FADE, playing: false,
    paused: true, ended: false, underruns: 0, leadSamples: 0,
  });
  queue.resume(1);
  const rising = counted(128 + FADE, FADE).map((sample, at) => (sample * (at + 1)) / FADE);
  const rest = counted(128 + 2 * FADE, 640 - FADE);
  assert.deepEqual(blocks(queue, 5).out, Float32Array.from([...rising, ...rest]));
  assert.deepEqual([queue.report().playing, queue.report().paused, queue.underruns], [true, false, 0]);
});

test("a fade that ends with its block is noticed too", () => {
  const queue = new PlaybackQueue();
  queue.push(1, sound(100));
  pull(queue, 1);
  queue.pause(1);
  assert.deepEqual(blocks(queue, 10, 48).heldAt, [FADE]);
});

test("what comes into a pause waits behind what was there", () => {
  const queue = new PlaybackQueue();
  queue.push(1, sound(10, 0.25));
  pull(queue, 2);
  queue.pause(1);
  pull(queue, 20);
  queue.push(1, sound(5, 0.5));
  assert.equal(sum(pull(queue, 20)), 0);
  queue.resume(1);
  assert.deepEqual(pull(queue, 8).subarray(FADE), sound(8, 0.5).subarray(FADE));
  assert.equal(queue.report().playedSamples, 15 * MS);
});

test("running dry in the fade is no underrun, and the end of the reply is its end", () => {
  const queue = new PlaybackQueue();
  queue.push(1, sound(3));
  pull(queue, 1);
  queue.pause(1);
  assert.deepEqual(blocks(queue, 4, 48).heldAt, [2 * MS]);
  queue.push(1, sound(3));
  queue.resume(1);
  pull(queue, 3);
  assert.equal(queue.underruns, 0);
  queue.pause(1);
  queue.end(1);
  pull(queue, 3);
  const { ended, paused, underruns } = queue.report();
  assert.deepEqual([ended, paused, underruns], [true, false, 0]);
});

test("a reply flushed in its pause is gone without another sound", () => {
  const queue = new PlaybackQueue();
  queue.push(1, sound(100));
  pull(queue, 10);
  queue.pause(1);
  pull(queue, 10);
  queue.flush(1);
  queue.push(2, sound(10, 0.25));
  assert.deepEqual(pull(queue, 10), sound(10, 0.25));
});

test("a flush within the fade of a pause goes on fading", () => {
  const queue = new PlaybackQueue();
  queue.push(1, sound(100));
  pull(queue, 1);
  queue.pause(1);
  pull(queue, 2);
  queue.flush(1);
  const out = new Float32Array(10 * MS);
  queue.pull(out);
  assert.ok(out[0] > 0.25 && out[0] < 0.31);
  assert.equal(queue.silentAt, 3 * MS);
});

test("a pause may come before its reply, which then begins only when it is resumed", () => {
  const queue = new PlaybackQueue();
  queue.pause(2);
  queue.push(1, sound(5, 0.25));
  queue.end(1);
  queue.push(2, sound(5, 0.5));
  assert.deepEqual(pull(queue, 10), Float32Array.from([...sound(5, 0.25), ...sound(5, 0)]));
  assert.deepEqual([queue.report().turnId, queue.report().paused], [2, true]);
  queue.resume(2);
  assert.deepEqual(pull(queue, 5), sound(5, 0.5));
});

test("a pause of a turn that is over, and a resume of one that is not paused, change nothing", () => {
  const queue = new PlaybackQueue();
  queue.push(2, sound(5));
  queue.end(2);
  queue.resume(2);
  pull(queue, 6);
  queue.pause(2);
  queue.pause(1);
  queue.push(3, sound(5));
  assert.equal(sum(pull(queue, 5)), 5);
  queue.pause(4);
  queue.reset();
  queue.push(4, sound(5));
  assert.equal(sum(pull(queue, 5)), 5);
});

test("whatever comes, each sample is played once, and none in a pause", () => {
  let seed = 7;
  const random = (below) => (seed = (seed * 48_271) % 2_147_483_647) % below;
  for (let run = 0; run < 100; run++) {
    const queue = new PlaybackQueue();
    let [pushed, played, paused] = [0, 0, false];
    for (let step = 0; step < 60; step++) {
      const act = random(5);
      if (act === 0) {
        queue.push(1, counted(pushed, 700));
        pushed += 700;
      } else if (act === 1) {
        if (pushed) queue.pause(1);
        paused = pushed > 0;
      } else if (act === 2) {
        queue.resume(1);
        paused = false;
      } else {
        const { out } = blocks(queue, 1);
        const before = played;
        played = queue.report().playedSamples;
        const sounds = out.findIndex((sample) => sample !== 0);
        const expected = counted(before, played - before);
        expected.forEach((sample, at) => assert.ok(out[sounds + at] > 0 && out[sounds + at] <= sample));
        assert.equal(out.filter((sample) => sample !== 0).length, expected.length);
        if (paused) assert.ok(played - before <= FADE);
      }
    }
    queue.resume(1);
    queue.end(1);
    pull(queue, 2_000);
    assert.equal(queue.report().playedSamples, pushed);
  }
});
