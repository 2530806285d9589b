// Where the time of a turn went, by the marks of both sides.

import { turnaround, waterfall } from "./waterfall.js";

/** @typedef {import("../voicewire/types.js").Mark} Mark */
/** @typedef {import("./turns.js").Turn} Turn */
/** @typedef {import("./waterfall.js").Waterfall} Waterfall */

/**
 * What a turn's waterfall counts from: the end of `speech` in the audio itself, so that the whole is voice-to-voice; the
 * `release` of the talk button; the end of speech as the `server` dates it; or the `commit`, of what was typed.
 *
 * @typedef {"speech" | "release" | "server" | "commit"} From
 */

/** @type {ReadonlySet<string>} */
const CLIENT_MARKS = new Set([
  "mic.speech_end",
  "reply.first_frame_received",
  "reply.first_audible",
  "barge_in.speech_start",
  "barge_in.silence",
]);

/**
 * The marks of a turn on the client's clock; without the offset of the server's, each side for itself cannot be laid
 * beside the other, and what the server reported is all there is.
 *
 * @param {Turn} turn
 * @returns {import("./waterfall.js").Marks}
 */
export function aligned({ marks: told, offsetMs }) {
  /** @type {import("./waterfall.js").Marks} */
  const marks = {};
  for (const [name, tMs] of Object.entries(told)) {
    const mark = /** @type {Mark} */ (name);
    const ours = CLIENT_MARKS.has(name);
    if (offsetMs !== null) marks[mark] = ours ? tMs : tMs - offsetMs;
    else if (!ours) marks[mark] = tMs;
  }
  return marks;
}

/**
 * @param {Turn} turn
 * @returns {{drawn: Waterfall, from: From} | null}
 */
export function turnWaterfall(turn) {
  const marks = fromRelease(aligned(turn), turn);
  const replyPlayMs = turn.offsetMs === null ? null : playedMs(turn);
  const witnessed = waterfall(marks, { replyPlayMs });
  if (witnessed) return { drawn: witnessed, from: turn.releasedMs === null ? "speech" : "release" };
  const drawn = turnaround(marks, { replyPlayMs });
  return drawn && { drawn, from: marks["audio.last_speech"] === undefined ? "commit" : "server" };
}

/**
 * While the talk button is held it is the user who waits, whenever they spoke last: their speech ends with its release.
 *
 * @param {import("./waterfall.js").Marks} marks
 * @param {Turn} turn
 * @returns {import("./waterfall.js").Marks}
 */
function fromRelease(marks, { releasedMs, offsetMs }) {
  if (releasedMs === null || offsetMs === null) return marks;
  const last = Math.max(releasedMs, marks["audio.last_speech"] ?? releasedMs);
  return { ...marks, "mic.speech_end": releasedMs, "audio.last_speech": last };
}

/** It is dated back from a report, a little off: it lies between the first frame and the first sound.  @param {Turn} turn */
function playedMs({ replyPlayMs, marks }) {
  if (replyPlayMs === null) return null;
  const earliest = marks["reply.first_frame_received"] ?? replyPlayMs;
  return Math.max(earliest, Math.min(replyPlayMs, marks["reply.first_audible"] ?? replyPlayMs));
}

/** From the end of speech, or from the release of the talk button.  @param {Turn} turn */
export function voiceToVoiceMs(turn) {
  const { marks, releasedMs } = turn;
  const audible = marks["reply.first_audible"];
  if (releasedMs === null || audible === undefined) return between(turn, "mic.speech_end", "reply.first_audible");
  return audible - releasedMs;
}

/** @param {Turn} turn */
export function bargeInStopMs(turn) {
  return between(turn, "barge_in.speech_start", "barge_in.silence");
}

/**
 * @param {Turn} turn
 * @param {Mark} start
 * @param {Mark} end
 */
function between(turn, start, end) {
  const from = turn.marks[start];
  const to = turn.marks[end];
  return from === undefined || to === undefined ? null : to - from;
}
