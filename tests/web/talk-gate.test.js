import assert from "node:assert/strict";
import { test } from "node:test";

import { TalkGate } from "../../web/audio/talk-gate.js";

const MS = 48;
const speech = (ms) => ({ speech: true, position: ms * MS });
const silence = (ms) => ({ speech: false, position: ms * MS });

function gate(mode, settings) {
  const made = new TalkGate(settings);
  made.setMode(mode, 0);
  return made;
}

test("hands-free is open from the start, and the client's VAD changes nothing", () => {
  const open = gate("open");
  assert.equal(open.isOpen, true);
  assert.deepEqual(open.vad(speech(0), 0), []);
  assert.deepEqual(open.captured(1_000 * MS), []);
});

test("muted, nothing is sent in any mode", () => {
  for (const mode of ["open", "vad", "manual"]) {
    const muted = gate(mode);
    assert.deepEqual(muted.setMuted(true, 0), [{ type: "silence" }]);
    assert.deepEqual([muted.press(), muted.vad(speech(0), 0), muted.captured(900 * MS), muted.isOpen], [[], [], [], false]);
  }
});

test("muted in mid-speech, the turn ends there", () => {
  const vad = gate("vad");
  vad.vad(speech(0), 30 * MS);
  assert.deepEqual(vad.setMuted(true, 50 * MS), [{ type: "end", position: 50 * MS }, { type: "silence" }]);
  assert.deepEqual(vad.setMuted(false, 60 * MS), []);
  assert.deepEqual(gate("open").setMuted(false, 0), []);
});

test("unmuted, hands-free sends again", () => {
  const open = gate("open");
  open.setMuted(true, 0);
  assert.deepEqual(open.setMuted(false, 0), [{ type: "open" }]);
});

test("the button opens, and its release ends the turn a moment later", () => {
  const manual = gate("manual");
  assert.equal(manual.isOpen, false);
  assert.deepEqual(manual.press(), [{ type: "barge_in" }, { type: "open" }]);
  assert.deepEqual(manual.press(), []);
  const until = 600 * MS;
  assert.deepEqual(manual.release(500 * MS), [{ type: "end", position: until }, { type: "close", position: until }]);
  assert.deepEqual(manual.release(500 * MS), []);
});

test("the button means nothing when hands are free", () => {
  assert.deepEqual(gate("open").press(), []);
});

test("the client's VAD opens, closes after its pause, and ends the turn after the silence", () => {
  const vad = gate("vad", { silenceMs: 600, bargeInMs: Infinity });
  assert.deepEqual(vad.vad(speech(100), 130 * MS), [{ type: "open" }]);
  assert.deepEqual(vad.vad(silence(900), 1_200 * MS), [{ type: "close", position: 1_200 * MS }]);
  assert.deepEqual(vad.captured(1_499 * MS), []);
  assert.deepEqual(vad.captured(1_500 * MS), [{ type: "end", position: 900 * MS }]);
  assert.deepEqual(vad.captured(1_600 * MS), []);
});

test("who goes on before the silence is over has not ended", () => {
  const vad = gate("vad", { silenceMs: 600, bargeInMs: Infinity });
  vad.vad(speech(100), 130 * MS);
  vad.vad(silence(900), 1_200 * MS);
  assert.deepEqual(vad.vad(speech(1_300), 1_330 * MS), [{ type: "open" }]);
  assert.deepEqual(vad.captured(1_600 * MS), []);
});

test("speech that lasts long enough is a barge-in, once", () => {
  const vad = gate("vad", { bargeInMs: 200 });
  vad.vad(speech(100), 130 * MS);
  assert.deepEqual(vad.captured(299 * MS), []);
  assert.deepEqual(vad.captured(300 * MS), [{ type: "barge_in" }]);
  assert.deepEqual(vad.captured(320 * MS), []);
});

test("another mode opens or closes the gate", () => {
  const changed = gate("open");
  assert.deepEqual(changed.setMode("vad", 7), [{ type: "close", position: 7 }]);
  assert.deepEqual(changed.setMode("open", 8), [{ type: "open" }]);
});
