import assert from "node:assert/strict";
import { test } from "node:test";

import { ContextClock } from "../../web/audio/context-clock.js";

test("the fastest message tells how the clocks lie", () => {
  const clock = new ContextClock();
  assert.equal(clock.clientMs(0), null);
  clock.observe(100, 1_150);
  clock.observe(200, 1_205);
  clock.observe(300, 1_390);
  assert.equal(clock.clientMs(250), 1_255);
});

test("after ten seconds a message is forgotten, so that drift is followed", () => {
  const clock = new ContextClock();
  clock.observe(0, 1_000);
  clock.observe(10_001, 11_005);
  assert.equal(clock.clientMs(0), 1_004);
});

test("another context begins anew", () => {
  const clock = new ContextClock();
  clock.observe(0, 1_000);
  clock.reset();
  assert.equal(clock.clientMs(0), null);
});
