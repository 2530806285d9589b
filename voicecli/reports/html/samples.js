// What the page holds, and what is looked up in it. Knows no document.

import { statistics } from "./figures.js";

/**
 * @typedef {{name: string, title: string, meaning: string, colour?: string}} Named
 * @typedef {{part: string, startMs: number, ms: number, whole?: [number, number]}} Bar
 * @typedef {{
 *   id: number, utterance: number, outcome?: string, cancelled?: string, transcript?: string,
 *   wordErrors?: [number, number], heard: string, unheard: string, heardMs?: number, underruns: number,
 *   latencies: Record<string, number>, startMs?: number, bars: Bar[], marks: [string, number][], notes: string[],
 * }} Turn
 * @typedef {{id: string, bytes: number, peaks: string}} Audio
 * @typedef {{
 *   reliable: boolean, typical: boolean, slowest: boolean, failures: string[], gaveUp?: string, pace: string,
 *   roundTripMs?: number, durationMs: number, turns: Turn[], audio?: Audio,
 * }} Call
 * @typedef {{name: string, formats: string, calls: Call[]}} Fixture
 * @typedef {{sign: "met" | "missed" | "unknown", sentence: string, whose: string, place: string}} Budget
 * @typedef {{
 *   name: string, facts: [string, string][], failed: boolean, budgets: Budget[], audioNote: string, fixtures: Fixture[],
 * }} Run
 * @typedef {{
 *   percent: number, level: number, baselineMs: number, candidateMs: number, differenceMs: number, lowMs: number,
 *   highMs: number, sizeMs: number, answer: string, stages: [string, number][],
 * }} Finding
 * @typedef {{
 *   fixture: string, utterance: number, latency: string, answer: string, counts: [number, number], runsNeeded?: number,
 *   findings: Finding[],
 * }} Verdict
 * @typedef {{
 *   answer: string, tolerance: string, exact: boolean, forced: string[], notes: string[], verdicts: Verdict[],
 * }} Comparison
 * @typedef {{
 *   title: string, peakMs: number, parts: Named[], spans: Named[], runs: Run[], comparison?: Comparison,
 *   notCompared?: string,
 * }} Content
 */

/** @typedef {{ms: number, run: number, fixture: number, call: number, turn: number}} Sample A value, and where it is from. */

/**
 * Every value of one measure, of reliable calls; `fixture` null is all of them.
 *
 * @param {Run[]} runs
 * @param {number} run
 * @param {string | null} fixture
 * @param {(turn: Turn) => number | undefined} measure
 * @returns {Sample[]}
 */
export function samples(runs, run, fixture, measure) {
  return runs[run].fixtures.flatMap((each, fixtureAt) =>
    fixture !== null && each.name !== fixture
      ? []
      : each.calls.flatMap((call, callAt) =>
          call.turns.flatMap((turn, turnAt) => {
            const ms = call.reliable ? measure(turn) : undefined;
            return ms === undefined ? [] : [{ ms, run, fixture: fixtureAt, call: callAt, turn: turnAt }];
          }),
        ),
  );
}

/**
 * What a part adds to the voice-to-voice of a turn; undefined where it has none.
 *
 * @param {string} part
 * @returns {(turn: Turn) => number | undefined}
 */
export function ofPart(part) {
  return (turn) => (isWhole(turn) ? turn.bars.find((bar) => bar.part === part)?.ms : undefined);
}

/**
 * @param {string} span
 * @returns {(turn: Turn) => number | undefined}
 */
export function ofSpan(span) {
  return (turn) => turn.latencies[span];
}

/** @param {Turn} turn */
export function totalMs(turn) {
  return turn.latencies.voice_to_voice;
}

/**
 * Its parts sum to its voice-to-voice.
 *
 * @param {Turn} turn
 */
export function isWhole(turn) {
  return turn.bars.length > 0 && totalMs(turn) !== undefined;
}

/**
 * The turn in the middle of all answers to one utterance, the lower one of two; undefined where there is none.
 *
 * @param {Run | undefined} run
 * @param {string} fixture
 * @param {number} utterance
 * @returns {Turn | undefined}
 */
export function medianTurn(run, fixture, utterance) {
  const turns = (run?.fixtures ?? [])
    .filter((each) => each.name === fixture)
    .flatMap((each) => each.calls.filter((call) => call.reliable).flatMap((call) => call.turns))
    .filter((turn) => turn.utterance === utterance && isWhole(turn))
    .sort((one, other) => (totalMs(one) ?? 0) - (totalMs(other) ?? 0));
  return turns[(turns.length - 1) >> 1];
}

/**
 * A fixture in one line.
 *
 * @param {Fixture} fixture
 */
export function summary(fixture) {
  const kept = fixture.calls.filter((call) => call.reliable);
  const values = kept.flatMap((call) => call.turns.flatMap((turn) => totalMs(turn) ?? []));
  const counted = fixture.calls.flatMap((call) => call.turns.flatMap((turn) => (turn.wordErrors ? [turn.wordErrors] : [])));
  const words = counted.reduce((sum, [, each]) => sum + each, 0);
  const errors = counted.reduce((sum, [each]) => sum + each, 0);
  return {
    calls: fixture.calls.length,
    leftOut: fixture.calls.length - kept.length,
    failed: fixture.calls.filter((call) => call.failures.length > 0).length,
    voiceToVoice: statistics(values),
    words,
    errorShare: words ? errors / words : null,
  };
}

/**
 * How a call is named in a list.
 *
 * @param {Fixture} fixture
 * @param {number} at
 */
export function callName(fixture, at) {
  const call = fixture.calls[at];
  const values = call.turns.flatMap((turn) => totalMs(turn) ?? []).map((value) => value.toFixed(0));
  const told = [
    fixture.calls.length > 1 ? `call ${at + 1}` : "the call",
    values.length ? `${values.join(", ")} ms` : "nothing heard",
  ];
  if (fixture.calls.length > 1 && call.typical) told.push("typical");
  if (fixture.calls.length > 1 && call.slowest) told.push("slowest");
  if (call.failures.length) told.push("failed");
  if (!call.reliable) told.push("unreliable");
  if (call.audio) told.push("♪");
  return told.join(" · ");
}

/** What marks of the timeline are told first where not all have room. */
const FIRST = ["mic.speech_end", "reply.first_audible", "barge_in.speech_start", "barge_in.silence", "turn.committed", "llm.first_token", "tts.first_audio"];

/**
 * How much a mark matters, 0 most.
 *
 * @param {string} mark
 */
export function markRank(mark) {
  const at = FIRST.indexOf(mark);
  return at < 0 ? FIRST.length : at;
}

/**
 * The stretch of a call to show: all of it, or a turn with what is around its answer's beginning.
 *
 * @param {Call} call
 * @param {number | null} turn
 * @returns {{fromMs: number, toMs: number}}
 */
export function stretch(call, turn) {
  const whole = { fromMs: 0, toMs: Math.max(1000, call.durationMs) };
  const shown = turn === null ? undefined : call.turns[turn];
  if (!shown || (shown.startMs === undefined && shown.marks.length === 0)) return whole;
  const startMs = shown.startMs ?? shown.marks[0][1];
  const at = new Map(shown.marks);
  const barged = at.get("barge_in.silence");
  const lastMs = barged ?? at.get("reply.first_audible") ?? Math.max(...shown.marks.map(([, tMs]) => tMs));
  const roomMs = Math.max(250, (lastMs - startMs) * 0.2);
  return { fromMs: Math.max(0, startMs - roomMs), toMs: Math.min(whole.toMs, lastMs + roomMs) };
}
