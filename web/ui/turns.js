// One turn as far as it is known: what was said, what was answered, what was heard of it, and when.

import { split } from "./heard.js";
import { turnaround, waterfall } from "./waterfall.js";

/** @typedef {import("../voicewire/types.js").Down} Down */
/** @typedef {import("../voicewire/types.js").Mark} Mark */
/** @typedef {import("./waterfall.js").Waterfall} Waterfall */

/**
 * @typedef {Object} Turn
 * @property {string} key Unique in the page: turn ids begin again with each connection.
 * @property {number} turnId
 * @property {string} partial
 * @property {number} stableChars
 * @property {string | null} transcript Final.
 * @property {boolean} typed
 * @property {string} reply
 * @property {import("../voicewire/types.js").CancelReason | null} cancelled
 * @property {string | null} heardText
 * @property {import("../voicewire/types.js").TurnOutcome | "lost" | null} outcome `lost`: the connection broke in it.
 * @property {import("./waterfall.js").Marks} marks Each on its own side's clock.
 * @property {number | null} replyPlayMs When the reply's first sample was played, on the client's clock.
 * @property {Record<string, number>} reportedMs The server's own latencies.
 */

/** @type {readonly Mark[]} What speech that goes on before the commit takes back. */
const WITHDRAWN = ["audio.last_speech", "vad.closed", "stt.final", "mic.speech_end"];

/** @type {ReadonlySet<string>} */
const CLIENT_MARKS = new Set([
  "mic.speech_end",
  "reply.first_frame_received",
  "reply.first_audible",
  "barge_in.speech_start",
  "barge_in.silence",
]);

/**
 * @param {number} connection Counts the connections of the page.
 * @param {number} turnId
 * @returns {Turn}
 */
export function newTurn(connection, turnId) {
  return {
    key: `${connection}-${turnId}`,
    turnId,
    partial: "",
    stableChars: 0,
    transcript: null,
    typed: false,
    reply: "",
    cancelled: null,
    heardText: null,
    outcome: null,
    marks: {},
    replyPlayMs: null,
    reportedMs: {},
  };
}

/**
 * @param {Turn} turn
 * @param {Down} message
 * @returns {Turn} The same one where the message changes nothing of it.
 */
export function reduceTurn(turn, message) {
  switch (message.type) {
    case "speech_started": {
      if (turn.marks["turn.committed"] !== undefined) return turn;
      const marks = { ...turn.marks };
      for (const mark of WITHDRAWN) delete marks[mark];
      return { ...turn, marks };
    }
    case "transcript_partial":
      return { ...turn, partial: message.text, stableChars: message.stable_chars };
    case "transcript_final":
      return { ...turn, transcript: message.text };
    case "llm_token":
      return turn.cancelled ? turn : { ...turn, reply: turn.reply + message.text };
    case "reply_cancelled":
      return { ...turn, cancelled: message.reason, heardText: message.heard_text };
    case "turn_end":
      return { ...turn, outcome: message.outcome, reportedMs: message.latencies_ms ?? {} };
    case "timing":
      return marked(turn, message.mark, message.t_ms);
    default:
      return turn;
  }
}

/**
 * @param {Turn} turn
 * @param {Mark} mark
 * @param {number} tMs
 * @returns {Turn}
 */
export function marked(turn, mark, tMs) {
  return { ...turn, marks: { ...turn.marks, [mark]: tMs } };
}

/**
 * What the user said, as far as it is understood; null where there is nothing to show.
 *
 * @param {Turn} turn
 * @returns {{stable: string, changing: string, final: boolean} | null}
 */
export function said(turn) {
  if (turn.transcript !== null) return turn.transcript ? { stable: turn.transcript, changing: "", final: true } : null;
  if (!turn.partial) return null;
  const stable = turn.partial.slice(0, turn.stableChars);
  return { stable, changing: turn.partial.slice(turn.stableChars), final: false };
}

/**
 * The answer, as far as it is written; null where there is nothing to show.
 *
 * @param {Turn} turn
 * @returns {{heard: string, unheard: string, settled: boolean} | null} `unheard` was cut off.
 */
export function answered(turn) {
  if (!turn.reply) return null;
  const settled = turn.outcome !== null || turn.cancelled !== null;
  if (turn.cancelled === null || turn.heardText === null) return { heard: turn.reply, unheard: "", settled };
  return { ...split(turn.reply, turn.heardText), settled };
}

/**
 * The marks of a turn on the client's clock; without the offset of the server's, each side for itself cannot be laid
 * beside the other, and what the server reported is all there is.
 *
 * @param {Turn} turn
 * @param {number | null} offsetMs The server's clock minus ours.
 * @returns {import("./waterfall.js").Marks}
 */
export function aligned(turn, offsetMs) {
  /** @type {import("./waterfall.js").Marks} */
  const marks = {};
  for (const [name, tMs] of Object.entries(turn.marks)) {
    const mark = /** @type {Mark} */ (name);
    const ours = CLIENT_MARKS.has(name);
    if (offsetMs !== null) marks[mark] = ours ? tMs : tMs - offsetMs;
    else if (!ours) marks[mark] = tMs;
  }
  return marks;
}

/**
 * @param {Turn} turn
 * @param {number | null} offsetMs
 * @returns {{drawn: Waterfall, witnessed: boolean} | null} `witnessed`: from the end of speech in the audio itself, so
 *   that the whole is voice-to-voice; else as the server dates it.
 */
export function turnWaterfall(turn, offsetMs) {
  const marks = aligned(turn, offsetMs);
  const replyPlayMs = offsetMs === null ? null : playedMs(turn);
  const witnessed = waterfall(marks, { replyPlayMs });
  if (witnessed) return { drawn: witnessed, witnessed: true };
  const drawn = turnaround(marks, { replyPlayMs });
  return drawn && { drawn, witnessed: false };
}

/** It is dated back from a report, a little off: it lies between the first frame and the first sound.  @param {Turn} turn */
function playedMs({ replyPlayMs, marks }) {
  if (replyPlayMs === null) return null;
  const earliest = marks["reply.first_frame_received"] ?? replyPlayMs;
  return Math.max(earliest, Math.min(replyPlayMs, marks["reply.first_audible"] ?? replyPlayMs));
}

/** @param {Turn} turn */
export function voiceToVoiceMs(turn) {
  return between(turn, "mic.speech_end", "reply.first_audible");
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
