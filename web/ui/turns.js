// One turn as far as it is known: what was said, what was answered, what was heard of it, and when.

import { beginsWith, heardBy, split } from "./heard.js";

/** @typedef {import("../voicewire/types.js").Down} Down */
/** @typedef {import("../voicewire/types.js").Mark} Mark */

/**
 * @typedef {Object} Turn
 * @property {string} key Unique in the page: turn ids begin again with each connection.
 * @property {number} connection Counts the connections of the page.
 * @property {number} conversation Counts the conversations: the server knows nothing of those before.
 * @property {number | null} offsetMs The server's clock minus ours, as last measured before it was over: the next
 *   connection may be to another server.
 * @property {number} turnId
 * @property {string} partial
 * @property {number} stableChars
 * @property {string | null} transcript Final.
 * @property {boolean} typed
 * @property {number | null} releasedMs When the talk button was let go, on the client's clock; null where none was held.
 * @property {string} earlier Words of the turn before, which was taken back: this one goes on with them.
 * @property {boolean} folded It was taken back, and its words are shown in the turn behind it.
 * @property {string} reply
 * @property {number | null} over The turn whose answer was being given when this was last begun to be spoken.
 * @property {boolean} aside It was spoken over an answer, which went on: a nod, a noise, an echo.
 * @property {boolean} paused The reply is, as the user may be speaking over it.
 * @property {import("../voicewire/types.js").CancelReason | null} cancelled
 * @property {string | null} heardText What of the reply was heard, where it was cut short.
 * @property {import("../voicewire/types.js").TurnOutcome | "lost" | "ended" | null} outcome `lost`: the connection broke
 *   in it; `ended`: the session was over in it.
 * @property {import("./waterfall.js").Marks} marks Each on its own side's clock.
 * @property {number} playheadMs How much of the reply was played.
 * @property {number | null} replyPlayMs When the reply's first sample was played, on the client's clock.
 * @property {Record<string, number>} reportedMs The server's own latencies.
 * @property {import("../voicewire/types.js").Speculation} speculation
 */

/** @type {readonly Mark[]} What speech that goes on before the commit takes back. */
const WITHDRAWN = ["audio.last_speech", "vad.closed", "stt.final", "mic.speech_end"];

/**
 * @param {number} connection
 * @param {number} turnId
 */
export function turnKey(connection, turnId) {
  return `${connection}-${turnId}`;
}

/**
 * @param {Pick<Turn, "connection" | "conversation" | "offsetMs">} of
 * @param {number} turnId
 * @returns {Turn}
 */
export function newTurn({ connection, conversation, offsetMs }, turnId) {
  return {
    key: turnKey(connection, turnId),
    connection,
    conversation,
    offsetMs,
    turnId,
    partial: "",
    stableChars: 0,
    transcript: null,
    typed: false,
    releasedMs: null,
    earlier: "",
    folded: false,
    over: null,
    aside: false,
    reply: "",
    paused: false,
    cancelled: null,
    heardText: null,
    outcome: null,
    marks: {},
    playheadMs: 0,
    replyPlayMs: null,
    reportedMs: {},
    speculation: {},
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
    case "reply_paused":
      return turn.outcome === null && turn.cancelled === null ? { ...turn, paused: true } : turn;
    case "reply_resumed":
      return turn.paused ? { ...turn, paused: false } : turn;
    case "reply_cancelled":
      return { ...turn, cancelled: message.reason, heardText: message.heard_text, paused: false };
    case "turn_end": {
      const { outcome, latencies_ms: reportedMs = {}, speculation = {} } = message;
      return { ...turn, outcome, reportedMs, speculation, paused: false };
    }
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
 * Of a turn that was not over when its connection was, no more will be heard. How much was, the server cannot tell any
 * more; the playhead can, about.
 *
 * @param {Turn} turn
 * @param {"lost" | "ended"} outcome
 * @returns {Turn}
 */
export function brokenOff(turn, outcome) {
  if (turn.outcome !== null) return turn;
  const { reply, heardText, playheadMs } = turn;
  return { ...turn, outcome, paused: false, heardText: heardText ?? (reply && heardBy(reply, playheadMs)) };
}

/**
 * A turn that was taken back, as the user went on, gives its words to the next one: nobody sees them twice.
 *
 * @param {readonly Turn[]} turns
 * @returns {readonly Turn[]} the same ones where that changes nothing
 */
export function joined(turns) {
  let earlier = "";
  const all = turns.map((turn, at) => {
    const folded = isTakenBack(turn) && goesOn(turn, turns[at + 1]);
    const changed = folded !== turn.folded || earlier !== turn.earlier ? { ...turn, folded, earlier } : turn;
    const next = turns[at + 1];
    earlier = folded && next.transcript === null && !beginsWith(next.partial, turn.transcript ?? "") ? (turn.transcript ?? "") : "";
    return changed;
  });
  return all.some((turn, at) => turn !== turns[at]) ? all : turns;
}

/** @param {Turn} turn */
function isTakenBack(turn) {
  return turn.cancelled === "resumed" && Boolean(turn.transcript);
}

/**
 * @param {Turn} turn
 * @param {Turn | undefined} next
 */
function goesOn(turn, next) {
  if (!next || next.connection !== turn.connection) return false;
  if (next.transcript === null) return next.outcome === null && next.partial !== "";
  return beginsWith(next.transcript, turn.transcript ?? "");
}

/**
 * What the user said, as far as it is understood; null where there is nothing to show.
 *
 * @param {Turn} turn
 * @returns {{stable: string, changing: string, final: boolean} | null}
 */
export function said(turn) {
  // Where some of its answer was heard, that would stand there as if it were an answer to what was said before.
  if (turn.folded && !answered(turn)) return null;
  if (turn.transcript !== null) return turn.transcript ? { stable: turn.transcript, changing: "", final: true } : null;
  if (!turn.partial) return null;
  const earlier = turn.earlier && `${turn.earlier} `;
  const stable = earlier + turn.partial.slice(0, turn.stableChars);
  return { stable, changing: turn.partial.slice(turn.stableChars), final: false };
}

/**
 * The answer, as far as it is written; null where there is nothing to show.
 *
 * @param {Turn} turn
 * @returns {{heard: string, unheard: string, settled: boolean} | null} `unheard` was cut off.
 */
export function answered(turn) {
  if (!turn.reply || (turn.cancelled === "resumed" && !turn.heardText)) return null;
  const settled = turn.outcome !== null || turn.cancelled !== null;
  // What could not be spoken is all the more to be read.
  if (turn.heardText === null || turn.cancelled === "failed") return { heard: turn.reply, unheard: "", settled };
  return { ...split(turn.reply, turn.heardText), settled };
}

/**
 * What beginning answers before the turn was committed has brought and cost, in a few words; "" where none was.
 *
 * @param {Turn} turn
 */
export function begunEarly({ speculation }) {
  const { started = 0, hit = 0, cancelled = 0, saved_ms = 0 } = speculation;
  const { wasted_input_tokens = 0, wasted_tokens = 0, wasted_tts_ms = 0 } = speculation;
  if (started === 0) return "";
  const tokens = wasted_input_tokens + wasted_tokens;
  const waste = `${cancelled} thrown away (${tokens} tokens, ${(wasted_tts_ms / 1000).toFixed(1)} s of speech)`;
  const parts = [hit ? `saved ${Math.round(saved_ms)} ms` : "", cancelled ? waste : ""].filter(Boolean);
  return `Begun early: ${parts.join("; ") || "nothing came of it"}.`;
}
