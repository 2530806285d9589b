import assert from "node:assert/strict";
import { test } from "node:test";

import { callName, isWhole, markRank, medianTurn, ofPart, ofSpan, samples, stretch, summary } from "../../voicecli/reports/html/samples.js";

const turn = (total, more = {}) => ({
  id: 1,
  utterance: 0,
  latencies: total === null ? {} : { voice_to_voice: total },
  bars: total === null ? [] : [{ part: "llm", startMs: 0, ms: total }],
  marks: [],
  heard: "",
  unheard: "",
  underruns: 0,
  notes: [],
  ...more,
});
const call = (turns, more = {}) => ({
  reliable: true,
  typical: false,
  slowest: false,
  failures: [],
  pace: "",
  durationMs: 5000,
  turns,
  ...more,
});
const run = (...calls) => ({ name: "now", facts: [], failed: false, budgets: [], audioNote: "", fixtures: [{ name: "tone", formats: "", calls }] });

test("samples are of reliable calls, and know where they are from", () => {
  const runs = [run(call([turn(100), turn(null), turn(300)]), call([turn(900)], { reliable: false }))];
  assert.deepEqual(samples(runs, 0, null, ofSpan("voice_to_voice")), [
    { ms: 100, run: 0, fixture: 0, call: 0, turn: 0 },
    { ms: 300, run: 0, fixture: 0, call: 0, turn: 2 },
  ]);
  assert.deepEqual(samples(runs, 0, "tone", ofPart("llm")).map(({ ms }) => ms), [100, 300]);
  assert.deepEqual(samples(runs, 0, "other", ofPart("llm")), []);
});

test("the parts of a turn without an answer are no samples", () => {
  const unanswered = turn(null, { bars: [{ part: "llm", startMs: 0, ms: 5 }] });
  assert.equal(isWhole(unanswered), false);
  assert.equal(ofPart("llm")(unanswered), undefined);
});

test("the median turn is one that was, the lower of two in the middle", () => {
  const answers = run(...[400, 100, 300, 200].map((total) => call([turn(total)])), call([turn(1)], { reliable: false }));
  assert.equal(medianTurn(answers, "tone", 0)?.latencies.voice_to_voice, 200);
  assert.equal(medianTurn(answers, "tone", 1), undefined);
  assert.equal(medianTurn(undefined, "tone", 0), undefined);
});

test("a fixture is summed up", () => {
  const [fixture] = run(
    call([turn(100, { wordErrors: [1, 4] })], { failures: ["late"] }),
    call([turn(900, { wordErrors: [0, 4] })], { reliable: false }),
  ).fixtures;
  assert.deepEqual(summary(fixture), {
    calls: 2,
    leftOut: 1,
    failed: 1,
    voiceToVoice: { n: 1, p50: 100, p95: null, min: 100, max: 100 },
    words: 8,
    errorShare: 0.125,
  });
});

test("a call is named by what makes one choose it", () => {
  const [fixture] = run(
    call([turn(100), turn(200)], { typical: true, slowest: true, audio: { id: "a", bytes: 1, peaks: "" } }),
    call([], { failures: ["late"], reliable: false }),
  ).fixtures;
  assert.equal(callName(fixture, 0), "call 1 · 100, 200 ms · typical · slowest · ♪");
  assert.equal(callName(fixture, 1), "call 2 · nothing heard · failed · unreliable");
  assert.equal(callName({ ...fixture, calls: fixture.calls.slice(0, 1) }, 0), "the call · 100, 200 ms · ♪");
});

test("a turn is shown from before the end of speech until after the answer began, or fell silent", () => {
  const answered = turn(1000, { startMs: 2000, marks: [["mic.speech_end", 2000], ["reply.first_audible", 3000]] });
  assert.deepEqual(stretch(call([answered]), 0), { fromMs: 1750, toMs: 3250 });
  const cut = turn(1000, { startMs: 2000, marks: [...answered.marks, ["barge_in.silence", 4500]] });
  assert.deepEqual(stretch(call([cut]), 0), { fromMs: 1500, toMs: 5000 });
  assert.deepEqual(stretch(call([answered]), null), { fromMs: 0, toMs: 5000 });
  assert.deepEqual(stretch(call([turn(null)]), 0), { fromMs: 0, toMs: 5000 });
});

test("the ends of voice-to-voice matter more than a mark that few ask for", () => {
  assert.equal(markRank("mic.speech_end") < markRank("turn.committed"), true);
  assert.equal(markRank("turn.committed") < markRank("stt.first_partial"), true);
});
