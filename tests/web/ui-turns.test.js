import assert from "node:assert/strict";
import { test } from "node:test";

import { SHOWN_CHARS, abridge, split } from "../../web/ui/heard.js";
import { aligned, answered, bargeInStopMs, marked, newTurn, reduceTurn, said, turnWaterfall, voiceToVoiceMs } from "../../web/ui/turns.js";

const after = (...messages) => messages.map((each) => ({ turn_id: 1, ...each })).reduce(reduceTurn, newTurn(1, 1));
const tokens = (...texts) => texts.map((text, index) => ({ type: "llm_token", index, text }));
const cancelled = (heard_text) => ({ type: "reply_cancelled", reason: "barge_in", heard_ms: 900, heard_text });

test("a partial is stable as far as the server says, the rest may change", () => {
  assert.deepEqual(said(after({ type: "transcript_partial", text: "what time", stable_chars: 5 })), {
    stable: "what ",
    changing: "time",
    final: false,
  });
});

test("the final transcript takes the partial's place", () => {
  const turn = after(
    { type: "transcript_partial", text: "what thyme", stable_chars: 4 },
    { type: "transcript_final", text: "what time is it" },
  );
  assert.deepEqual(said(turn), { stable: "what time is it", changing: "", final: true });
});

test("a turn without words shows nothing", () => {
  const turn = after({ type: "speech_started", position_ms: 0 }, { type: "turn_end", outcome: "no_speech" });
  assert.equal(said(turn), null);
  assert.equal(answered(turn), null);
});

test("the answer is its tokens as they are", () => {
  assert.deepEqual(answered(after(...tokens("It is", " noon", "."))), { heard: "It is noon.", unheard: "", settled: false });
});

test("what was cut off begins after the last word heard", () => {
  assert.deepEqual(answered(after(...tokens("It is", " noon", " in Oslo."), cancelled("It is noon"))), {
    heard: "It is noon ",
    unheard: "in Oslo.",
    settled: true,
  });
});

test("of a reply that nobody heard, all is cut off", () => {
  assert.deepEqual(answered(after(...tokens("It is noon."), cancelled(""))), { heard: "", unheard: "It is noon.", settled: true });
});

test("tokens of a cancelled reply are dropped", () => {
  assert.equal(after(...tokens("It is"), cancelled("It"), ...tokens(" noon")).reply, "It is");
});

test("where the heard text is written otherwise, its words are counted", () => {
  assert.deepEqual(split("“Dr. Who” — it's noon, in Oslo.", "dr who it’s"), {
    heard: "“Dr. Who” — it's ",
    unheard: "noon, in Oslo.",
  });
});

test("more words heard than there are is all of them", () => {
  assert.deepEqual(split("It is noon.", "well it is just noon"), { heard: "It is noon.", unheard: "" });
});

test("a long text that nobody heard is shown in part, up to the end of a word", () => {
  const text = "every word has six letters, ".repeat(30);
  const { shown, words } = abridge(text);
  assert(text.startsWith(`${shown} `) && shown.length <= SHOWN_CHARS);
  assert.equal(words, 150 - shown.split(" ").length);
  assert.deepEqual(abridge(text.slice(0, SHOWN_CHARS * 1.5)), { shown: text.slice(0, SHOWN_CHARS * 1.5), words: 0 });
});

test("speech that goes on before the commit takes back the end of speech", () => {
  const turn = after(
    { type: "timing", mark: "audio.last_speech", t_ms: 10 },
    { type: "timing", mark: "stt.first_partial", t_ms: 5 },
    { type: "speech_started", position_ms: 0 },
  );
  assert.deepEqual(turn.marks, { "stt.first_partial": 5 });
});

test("once committed, the end of speech stands", () => {
  const turn = after({ type: "timing", mark: "turn.committed", t_ms: 10 }, { type: "speech_started", position_ms: 0 });
  assert.deepEqual(turn.marks, { "turn.committed": 10 });
});

test("the server's marks are laid on the client's clock by the offset", () => {
  const turn = marked(after({ type: "timing", mark: "turn.committed", t_ms: 510 }), "mic.speech_end", 5);
  assert.deepEqual(aligned(turn, 500), { "turn.committed": 10, "mic.speech_end": 5 });
});

test("without the offset, instants of two clocks are not laid beside each other", () => {
  const turn = marked(after({ type: "timing", mark: "turn.committed", t_ms: 510 }), "mic.speech_end", 5);
  assert.deepEqual(aligned(turn, null), { "turn.committed": 510 });
  assert.equal(turnWaterfall(turn, null).witnessed, false);
});

test("the first sample played lies between the first frame and the first sound", () => {
  let turn = { ...newTurn(1, 1), replyPlayMs: 50 };
  for (const [mark, tMs] of [["mic.speech_end", 0], ["reply.first_frame_received", 80], ["reply.first_audible", 95]]) {
    turn = marked(turn, mark, tMs);
  }
  const names = turnWaterfall(turn, 0).drawn.bars.map(({ part, critical }) => [part.name, critical.endMs - critical.startMs]);
  assert.deepEqual(names, [["buffer", 0], ["lead_in", 15], ["unattributed", 80]]);
});

test("voice-to-voice and barge-in stop need both their marks", () => {
  const turn = marked(marked(newTurn(1, 1), "mic.speech_end", 100), "barge_in.speech_start", 400);
  assert.equal(voiceToVoiceMs(turn), null);
  assert.equal(bargeInStopMs(turn), null);
  assert.equal(voiceToVoiceMs(marked(turn, "reply.first_audible", 912)), 812);
  assert.equal(bargeInStopMs(marked(turn, "barge_in.silence", 480)), 80);
});
