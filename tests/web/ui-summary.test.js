import assert from "node:assert/strict";
import { test } from "node:test";

import { summary, turnKind, turnName } from "../../web/ui/summary.js";
import { newTurn } from "../../web/ui/turns.js";

const turn = (latencyMs, fields = {}) => ({
  ...newTurn({ connection: 1, conversation: 1, offsetMs: 0 }, 1),
  marks: { "mic.speech_end": 0, "reply.first_audible": latencyMs },
  ...fields,
});

test("the median says its n", () => {
  assert.deepEqual(summary([turn(700), turn(900), turn(800)]), { medianMs: 800, note: "median, n = 3." });
});

test("without a turn it is said what will be counted", () => {
  assert.deepEqual(summary([]), { medianMs: null, note: "From the end of your speech to the first sound of the answer." });
});

test("who went on speaking waited for nothing", () => {
  assert.equal(summary([turn(700), turn(100, { cancelled: "resumed" })]).medianMs, 700);
});

test("push-to-talk counts from the release, and apart from what is hands-free", () => {
  const pushed = [turn(3_000, { releasedMs: 2_400 }), turn(900, { releasedMs: 500 })];
  assert.deepEqual(summary([turn(800), ...pushed]), {
    medianMs: 800, note: "median, n = 1. Push-to-talk, from the release: median 500 ms, n = 2.",
  });
  assert.deepEqual(summary(pushed), { medianMs: 500, note: "median from the release of the button, n = 2." });
});

test("how quickly an answer was silenced stands beside it", () => {
  const cut = { marks: { "barge_in.speech_start": 0, "barge_in.silence": 90 } };
  assert.equal(summary([turn(700), turn(0, cut)]).note, "median, n = 1. Barge-in stop: median 90 ms, n = 1.");
});

test("a turn is named by its connection, too, where there was another before", () => {
  assert.deepEqual([turnName(turn(1)), turnName(turn(1, { connection: 2 }))], ["1", "2·1"]);
});

test("a turn that does not count for the median says why", () => {
  const kind = (from, fields) => turnKind(turn(700, fields), from);
  assert.deepEqual([kind("speech"), kind("release"), kind("server")], ["", "push-to-talk", "by the server"]);
  assert.deepEqual([kind("commit", { typed: true }), kind("speech", { cancelled: "resumed" })], ["typed", "taken back"]);
  assert.equal(kind("speech", { outcome: "no_speech", aside: true }), "nod or noise");
  assert.equal(kind("speech", { outcome: "no_speech" }), "no words");
});
