// What the turns so far came to, in one figure and what is to be known of it.

import { median, milliseconds } from "./figures.js";
import { bargeInStopMs, voiceToVoiceMs } from "./turn-timing.js";

/** @typedef {import("./turns.js").Turn} Turn */

/**
 * Push-to-talk is counted apart: there it is the user, not the server, who says that it is the answer's turn.
 *
 * @param {readonly Turn[]} turns
 * @returns {{medianMs: number | null, note: string}}
 */
export function summary(turns) {
  // Who went on speaking waited for no answer: what was taken back is no wait.
  const waited = turns.filter((turn) => turn.cancelled !== "resumed");
  const handsFree = waited.filter((turn) => turn.releasedMs === null).flatMap((turn) => voiceToVoiceMs(turn) ?? []);
  const pushed = waited.filter((turn) => turn.releasedMs !== null).flatMap((turn) => voiceToVoiceMs(turn) ?? []);
  const stops = turns.flatMap((turn) => bargeInStopMs(turn) ?? []);
  const notes = [
    handsFree.length && `median, n = ${handsFree.length}.`,
    !handsFree.length && pushed.length && `median from the release of the button, n = ${pushed.length}.`,
    handsFree.length && pushed.length && `Push-to-talk, from the release: ${medianOf(pushed)}`,
    stops.length && `Barge-in stop: ${medianOf(stops)}`,
  ];
  return {
    medianMs: median(handsFree.length ? handsFree : pushed),
    note: notes.filter(Boolean).join(" ") || "From the end of your speech to the first sound of the answer.",
  };
}

/** Turn ids begin again with each connection: from the second on, that is named as well.  @param {Turn} turn */
export function turnName({ connection, turnId }) {
  return connection > 1 ? `${connection}·${turnId}` : String(turnId);
}

/**
 * Why a turn is none that counts for the median of hands-free ones; "" where it does.
 *
 * @param {Turn} turn
 * @param {import("./turn-timing.js").From} from
 */
export function turnKind(turn, from) {
  if (turn.outcome === "no_speech") return turn.aside ? "nod or noise" : "no words";
  if (turn.cancelled === "resumed") return "taken back";
  if (turn.typed) return "typed";
  return { speech: "", release: "push-to-talk", server: "by the server", commit: "by the server" }[from];
}

/** @param {number[]} values */
function medianOf(values) {
  return `median ${milliseconds(median(values))}, n = ${values.length}.`;
}
