import assert from "node:assert/strict";
import { test } from "node:test";

import { ClockOffset } from "../../web/voicewire/clock-offset.js";

const AHEAD_MS = 5_000;

/** One exchange at `atMs`, so long each way, with a server whose clock is five seconds ahead. */
function exchange(clock, atMs, upMs, downMs) {
  const ping = clock.ping(atMs);
  const receivedMs = atMs + upMs + AHEAD_MS;
  clock.observe({ ...ping, received_ms: receivedMs, replied_ms: receivedMs + 1 }, atMs + upMs + 1 + downMs);
}

test("nothing is known before the first answer", () => {
  const clock = new ClockOffset();
  assert.equal(clock.offsetMs, null);
  assert.equal(clock.roundTripMs, null);
});

test("the smallest round trip wins", () => {
  const clock = new ClockOffset();
  exchange(clock, 0, 40, 10);
  assert.deepEqual([clock.offsetMs, clock.roundTripMs], [AHEAD_MS + 15, 50]);
  exchange(clock, 100, 5, 5);
  exchange(clock, 200, 90, 10);
  assert.deepEqual([clock.offsetMs, clock.roundTripMs], [AHEAD_MS, 10]);
});

test("after sixteen more exchanges an old one is forgotten", () => {
  const clock = new ClockOffset();
  exchange(clock, 0, 1, 1);
  for (let at = 1; at <= 16; at++) exchange(clock, at * 100, 10, 10);
  assert.equal(clock.roundTripMs, 20);
});

test("eight quick pings, then one each two seconds", () => {
  const clock = new ClockOffset();
  const due = [];
  for (let now = 0, count = 0; count < 10; count++) {
    clock.ping(now);
    due.push(clock.dueMs - now);
    now = clock.dueMs;
  }
  assert.deepEqual(due, [50, 50, 50, 50, 50, 50, 50, 2000, 2000, 2000]);
});

test("what answers no ping, or cannot be true, is ignored", () => {
  const clock = new ClockOffset();
  const ping = clock.ping(0);
  clock.observe({ ...ping, ping_id: 99, received_ms: 0, replied_ms: 0 }, 10);
  clock.observe({ ...ping, received_ms: null, replied_ms: null }, 10);
  clock.observe({ ...ping, received_ms: 0, replied_ms: 11 }, 10);
  assert.equal(clock.offsetMs, null);
});

test("a server's ping is answered with both times", () => {
  const ping = { type: "clock", ping_id: 4, sent_ms: 1 };
  assert.deepEqual(ClockOffset.answer(ping, 2, 3), { type: "clock", ping_id: 4, sent_ms: 1, received_ms: 2, replied_ms: 3 });
});
