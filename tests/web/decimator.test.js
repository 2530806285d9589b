import assert from "node:assert/strict";
import { test } from "node:test";

import { Decimator, fromPcm16, toPcm16 } from "../../web/audio/decimator.js";
import { LinearResampler } from "../../web/audio/resample.js";

function tone(hz, rate, ms) {
  return Float32Array.from({ length: (rate * ms) / 1000 }, (_, at) => Math.sin((2 * Math.PI * hz * at) / rate));
}

function rms(samples) {
  return Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
}

/** In blocks of 20 ms; the first is left out, where the filter fills. */
function decimated(hz) {
  const decimator = new Decimator();
  const samples = tone(hz, 48_000, 200);
  const out = [];
  for (let at = 0; at < samples.length; at += 960) out.push(...decimator.feed(samples.subarray(at, at + 960)));
  assert.equal(out.length, samples.length / 3);
  return rms(out.slice(320));
}

test("speech passes, and what would fold back into it does not", () => {
  const passed = decimated(1_000);
  assert.ok(Math.abs(passed - Math.SQRT1_2) < 0.01, `${passed}`);
  assert.ok(decimated(5_000) > 0.69);
  assert.ok(decimated(10_000) < 0.003);
  assert.ok(decimated(15_000) < 0.003);
});

test("samples are written little-endian and clipped, and read back", () => {
  const bytes = toPcm16(Float32Array.of(0, 1, -1, 2, -2, 0.5));
  assert.deepEqual([...bytes], [0, 0, 0xff, 0x7f, 0x01, 0x80, 0xff, 0x7f, 0x01, 0x80, 0x00, 0x40]);
  assert.deepEqual(fromPcm16(Uint8Array.of(0x00, 0x40, 0x00, 0x80)), Float32Array.of(0.5, -1));
});

test("another rate is made ours, piece by piece without a seam", () => {
  const samples = tone(300, 24_000, 100);
  const resampler = new LinearResampler(24_000, 48_000);
  const out = [];
  for (let at = 0; at < samples.length; at += 480) out.push(...resampler.feed(samples.subarray(at, at + 480)));
  assert.equal(out.length, 4_800);
  const steps = out.slice(1).map((sample, at) => Math.abs(sample - out[at]));
  assert.ok(Math.max(...steps) < 0.05, `${Math.max(...steps)}`);
});
