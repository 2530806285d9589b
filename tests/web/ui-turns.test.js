import assert from "node:assert/strict";
import { test } from "node:test";

import { SHOWN_CHARS, abridge, beginsWith, heardBy, split, spokenChars } from "../../web/ui/heard.js";
import { answered, begunEarly, brokenOff, joined, newTurn, reduceTurn, said } from "../../web/ui/turns.js";

const FIRST = { connection: 1, conversation: 1, offsetMs: null };
const after = (...messages) => messages.map((each) => ({ turn_id: 1, ...each })).reduce(reduceTurn, newTurn(FIRST, 1));
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

test("of a reply that breaks off, what the voice had not finished is cut off", () => {
  const turn = { ...after(...tokens("Once upon", " a time.")), playheadMs: 800, paused: true };
  assert.deepEqual(answered(brokenOff(turn, "lost")), { heard: "Once upon a ", unheard: "time.", settled: true });
  assert.deepEqual(answered(brokenOff({ ...turn, playheadMs: 0 }, "ended")), { heard: "", unheard: "Once upon a time.", settled: true });
  assert.equal(brokenOff(turn, "lost").paused, false);
});

test("what was over, or cut short, before it broke off stays as it was", () => {
  const over = after(...tokens("Noon."), { type: "turn_end", outcome: "completed" });
  assert.equal(brokenOff(over, "ended"), over);
  assert.equal(brokenOff(after(...tokens("It is noon."), cancelled("It is")), "lost").heardText, "It is");
});

test("what could not be spoken can be read", () => {
  const failed = { ...cancelled("It"), reason: "failed" };
  assert.deepEqual(answered(after(...tokens("It is", " noon."), failed)), { heard: "It is noon.", unheard: "", settled: true });
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

const turn = (turnId, fields) => ({ ...newTurn(FIRST, turnId), ...fields });
const takenBack = turn(1, { transcript: "Book a table.", cancelled: "resumed", heardText: "", reply: "Sure" });
const wordsOf = (turns) => joined(turns).map((each) => said(each) && said(each).stable + said(each).changing);

test("the words of a turn that was taken back go into the next one as soon as that has some", () => {
  assert.deepEqual(wordsOf([takenBack]), ["Book a table."]);
  assert.deepEqual(wordsOf([takenBack, turn(2, {})]), ["Book a table.", null]);
  assert.deepEqual(wordsOf([takenBack, turn(2, { partial: "for two" })]), [null, "Book a table. for two"]);
  assert.deepEqual(wordsOf([takenBack, turn(2, { partial: "book a table for" })]), [null, "book a table for"]);
  const final = turn(2, { partial: "for two", transcript: "Book a table for two." });
  assert.deepEqual(wordsOf([takenBack, final]), [null, "Book a table for two."]);
});

test("several turns that were taken back are one", () => {
  const second = turn(2, { transcript: "Book a table for two.", cancelled: "resumed", heardText: "" });
  assert.deepEqual(wordsOf([takenBack, second, turn(3, { partial: "at eight" })]), [null, null, "Book a table for two. at eight"]);
});

test("words that do not come again are not lost", () => {
  assert.deepEqual(wordsOf([takenBack, turn(2, { outcome: "no_speech", partial: "hm" })]), ["Book a table.", "hm"]);
  assert.deepEqual(wordsOf([takenBack, turn(2, { transcript: "Stop." })]), ["Book a table.", "Stop."]);
  assert.deepEqual(wordsOf([takenBack, turn(1, { partial: "x", connection: 2 })]), ["Book a table.", "x"]);
});

test("turns that nothing joins stay the same ones", () => {
  const turns = joined([takenBack, turn(2, { partial: "for two" })]);
  assert.equal(joined(turns), turns);
});

test("of an answer that was taken back it is shown what was heard, if anything was", () => {
  assert.equal(answered(takenBack), null);
  assert.deepEqual(answered({ ...takenBack, reply: "Sure, when?", heardText: "Sure," }), {
    heard: "Sure, ", unheard: "when?", settled: true,
  });
});

test("a text begins with words whatever their case and punctuation are", () => {
  assert.ok(beginsWith("Book a table, for two.", "book a table."));
  assert.ok(!beginsWith("Book a tablet", "book a table"));
  assert.ok(!beginsWith("Book a", "book a table"));
});

test("a reply is paused until it goes on, is cancelled or over", () => {
  const [paused, resumed] = [{ type: "reply_paused" }, { type: "reply_resumed" }];
  assert.ok(after(paused).paused);
  assert.ok(!after(paused, resumed).paused);
  assert.ok(!after(paused, cancelled("")).paused);
  assert.ok(!after(paused, { type: "turn_end", outcome: "completed" }).paused);
  const over = after({ type: "turn_end", outcome: "completed" });
  assert.equal(reduceTurn(over, { ...paused, turn_id: 1 }), over);
});

test("what was begun early is told with what it saved and cost", () => {
  const of = (speculation) => begunEarly(after({ type: "turn_end", outcome: "completed", speculation }));
  assert.equal(of({}), "");
  assert.equal(of({ started: 1, hit: 1, saved_ms: 310.4 }), "Begun early: saved 310 ms.");
  const tokens = { wasted_tokens: 3, wasted_input_tokens: 40 };
  const wasted = { started: 2, hit: 1, cancelled: 1, ...tokens, wasted_tts_ms: 240, saved_ms: 310.4 };
  assert.equal(of(wasted), "Begun early: saved 310 ms; 1 thrown away (43 tokens, 0.2 s of speech).");
  assert.equal(of({ started: 1 }), "Begun early: nothing came of it.");
});

test("what was heard by a playhead ends with a word", () => {
  assert.deepEqual([0, 799, 800, 60_000].map((ms) => heardBy("Once upon a time.", ms)), ["", "Once upon a", "Once upon a", "Once upon a time."]);
  assert.equal(heardBy("Once upon", 599), "Once upon");
  assert.equal(heardBy("Once. Upon", 300), "Once.");
});

test("the voice is about so far into the text as it was played, and never beyond its end", () => {
  assert.equal(spokenChars("Once upon a time", 0), 0);
  assert.equal(spokenChars("Once upon a time", 800), 12);
  assert.equal(spokenChars("Once upon a time", 60_000), 16);
});
