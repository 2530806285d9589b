import assert from "node:assert/strict";
import { test } from "node:test";

import { ContextClock } from "../../web/audio/context-clock.js";
import { Downlink } from "../../web/client/downlink.js";

const MS = 48;

/** A downlink whose loudspeaker is the test; the sound reaches the ear at once. */
function heard() {
  const told = [];
  const sent = [];
  const port = { postMessage: (command) => sent.push(command), onmessage: null };
  const clock = new ContextClock();
  const downlink = new Downlink(port, clock, { codec: "pcm_s16le", rate: 48_000 }, {
    played: (played) => told.push(played),
    mark: (turnId, mark, tMs) => told.push({ turnId, mark, tMs }),
  });
  downlink.setLatency(0.001);
  return { downlink, told, sent, clock, says: (data) => port.onmessage({ data }) };
}

function report(fields) {
  const known = { turnId: 1, playedSamples: 0, idleSamples: 0, bufferedSamples: 0, playing: false, paused: false };
  return { type: "report", ended: false, underruns: 0, leadSamples: 0, timeMs: 0, ...known, ...fields };
}

test("a pause and a resume go to the loudspeaker, unless the turn is cancelled", () => {
  const { downlink, sent } = heard();
  downlink.pause(1);
  downlink.resume(1);
  downlink.cancel(1);
  downlink.pause(1);
  downlink.resume(1);
  assert.deepEqual(sent, [
    { type: "reset" },
    { type: "pause", turnId: 1 },
    { type: "resume", turnId: 1 },
    { type: "flush", turnId: 1 },
  ]);
});

test("a playhead that stands still is told, and does not go back when the reply goes on", () => {
  const { downlink, told, says } = heard();
  downlink.setLatency(80);
  says(report({ playedSamples: 200 * MS, idleSamples: 90 * MS, bufferedSamples: 300 * MS, paused: true }));
  says(report({ playedSamples: 210 * MS, bufferedSamples: 290 * MS, playing: true }));
  assert.deepEqual(told, [
    { turnId: 1, playedMs: 200, bufferedMs: 300, playing: false, paused: true, ended: false },
    { turnId: 1, playedMs: 200, bufferedMs: 290, playing: true, paused: false, ended: false },
  ]);
  assert.equal(downlink.playedMs(1), 200);
  downlink.close();
});

test("a barge-in that paused first was silent with the pause", () => {
  const { downlink, told, says, clock } = heard();
  says({ type: "held", turnId: 1, timeMs: 500 });
  const silentMs = /** @type {number} */ (clock.clientMs(500)) + 0.001;
  says(report({ timeMs: 900, paused: true }));
  downlink.cancel(1, { bargedInMs: 42 });
  const marks = told.filter(({ mark }) => mark);
  assert.deepEqual(marks, [
    { turnId: 1, mark: "barge_in.speech_start", tMs: 42 },
    { turnId: 1, mark: "barge_in.silence", tMs: silentMs },
  ]);
});

test("a pause that was resumed is no end of sound", () => {
  const { downlink, told, says } = heard();
  says({ type: "held", turnId: 1, timeMs: 500 });
  downlink.resume(1);
  downlink.cancel(1, { bargedInMs: 42 });
  assert.deepEqual(told.map(({ mark }) => mark), ["barge_in.speech_start"]);
});
