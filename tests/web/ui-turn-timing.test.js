import assert from "node:assert/strict";
import { test } from "node:test";

import { aligned, bargeInStopMs, turnWaterfall, voiceToVoiceMs } from "../../web/ui/turn-timing.js";
import { marked, newTurn } from "../../web/ui/turns.js";

const FIRST = { connection: 1, conversation: 1, offsetMs: null };

test("the server's marks are laid on the client's clock by the offset", () => {
  const turn = marked(marked(newTurn(FIRST, 1), "turn.committed", 510), "mic.speech_end", 5);
  assert.deepEqual(aligned({ ...turn, offsetMs: 500 }), { "turn.committed": 10, "mic.speech_end": 5 });
});

test("without the offset, instants of two clocks are not laid beside each other", () => {
  const turn = marked(marked(newTurn(FIRST, 1), "turn.committed", 510), "mic.speech_end", 5);
  assert.deepEqual(aligned(turn), { "turn.committed": 510 });
  assert.equal(turnWaterfall(turn)?.from, "commit");
});

test("the first sample played lies between the first frame and the first sound", () => {
  let turn = { ...newTurn({ ...FIRST, offsetMs: 0 }, 1), replyPlayMs: 50 };
  for (const [mark, tMs] of [["mic.speech_end", 0], ["reply.first_frame_received", 80], ["reply.first_audible", 95]]) {
    turn = marked(turn, mark, tMs);
  }
  const names = turnWaterfall(turn).drawn.bars.map(({ part, critical }) => [part.name, critical.endMs - critical.startMs]);
  assert.deepEqual(names, [["buffer", 0], ["lead_in", 15], ["unattributed", 80]]);
});

test("voice-to-voice and barge-in stop need both their marks", () => {
  const turn = marked(marked(newTurn(FIRST, 1), "mic.speech_end", 100), "barge_in.speech_start", 400);
  assert.equal(voiceToVoiceMs(turn), null);
  assert.equal(bargeInStopMs(turn), null);
  assert.equal(voiceToVoiceMs(marked(turn, "reply.first_audible", 912)), 812);
  assert.equal(bargeInStopMs(marked(turn, "barge_in.silence", 480)), 80);
});

test("of push-to-talk, what was held is no wait: its turn counts from the release, and its parts sum to that", () => {
  let turn = { ...newTurn({ ...FIRST, offsetMs: 500 }, 1), releasedMs: 2_000 };
  const marks = {
    "mic.speech_end": 1_000, "audio.last_speech": 1_510, "vad.closed": 1_710, "stt.final": 2_640, "turn.committed": 2_642,
    "llm.requested": 2_650, "reply.first_audible": 2_400,
  };
  for (const [mark, tMs] of Object.entries(marks)) turn = marked(turn, mark, tMs);
  assert.equal(voiceToVoiceMs(turn), 400);
  const { drawn, from } = turnWaterfall(turn);
  assert.deepEqual([from, drawn.totalMs], ["release", 400]);
  const parts = drawn.bars.map(({ part, critical }) => [part.name, critical.startMs, critical.endMs]);
  assert.deepEqual(parts, [
    ["speech_end", 0, 0], ["endpointing", 0, 0], ["stt", 0, 140], ["handover", 140, 150], ["unattributed", 150, 400],
  ]);
});

test("a turn tells what it counts from", () => {
  const from = (offsetMs, ...names) =>
    turnWaterfall(names.reduce((turn, name) => marked(turn, name, 1), newTurn({ ...FIRST, offsetMs }, 1)))?.from;
  assert.equal(from(0, "mic.speech_end", "audio.last_speech"), "speech");
  assert.equal(from(null, "mic.speech_end", "audio.last_speech"), "server");
  assert.equal(from(0, "turn.committed"), "commit");
  assert.equal(from(0), undefined);
});
