import assert from "node:assert/strict";
import { test } from "node:test";

import { dbfs, EnergyVad } from "../../web/audio/energy-vad.js";

const RATE = 48_000;
const MS = RATE / 1000;

/** A tone (or noise that is the same each time) of so many ms at a level in dBFS. */
function sound(ms, db) {
  const amplitude = 10 ** (db / 20);
  return Float32Array.from({ length: ms * MS }, (_, at) => (at % 2 ? amplitude : -amplitude));
}

/** Feed pieces of [ms, dBFS] in quanta of 128 samples; the edges in ms. */
function edges(...pieces) {
  const vad = new EnergyVad(RATE);
  const all = Float32Array.from(pieces.flatMap(([ms, db]) => [...sound(ms, db)]));
  const found = [];
  for (let at = 0; at < all.length; at += 128) {
    for (const { speech, position } of vad.feed(all.subarray(at, at + 128))) found.push([speech, position / MS]);
  }
  return found;
}

test("speech is dated back to where it began, and to where it was last heard", () => {
  assert.deepEqual(edges([500, -70], [400, -25], [400, -70]), [[true, 500], [false, 900]]);
});

test("two loud frames are no speech, three are", () => {
  assert.deepEqual(edges([500, -70], [20, -25], [400, -70]), []);
  assert.deepEqual(edges([500, -70], [30, -25], [400, -70]), [[true, 500], [false, 530]]);
});

test("a pause shorter than 300 ms ends nothing", () => {
  assert.deepEqual(edges([500, -70], [100, -25], [290, -70], [100, -25], [310, -70]), [[true, 500], [false, 990]]);
});

test("a steady noise becomes the floor, and speech is heard above it", () => {
  const heard = edges([4_000, -40], [300, -20], [500, -40]);
  assert.deepEqual(heard.slice(-2), [[true, 4_000], [false, 4_300]]);
});

test("what is quieter than -55 dBFS is never speech", () => {
  assert.deepEqual(edges([500, -100], [400, -56], [400, -100]), []);
});

test("a level is told in dBFS", () => {
  assert.equal(Math.round(dbfs(0.01)), -20);
  assert.equal(dbfs(0), -100);
});
