// All that the page shows, as a pure reducer: `reduce(state, event) -> state`. Drawing modules only draw it.

import { logged, messageEntry } from "./log.js";
import { BEGAN_ANEW, LEAVING, NOT_HEARD } from "./problems.js";
import { split } from "./heard.js";
import { isOpen } from "./presence.js";
import { brokenOff, joined, marked, newTurn, reduceTurn, turnKey } from "./turns.js";

/** @typedef {import("../voicewire/types.js").Down} Down */
/** @typedef {import("./problems.js").Problem} Problem */
/** @typedef {import("./turns.js").Turn} Turn */

/** @typedef {"idle" | "connecting" | "listening" | "hearing" | "thinking" | "speaking" | "reconnecting" | "closed"} ClientState */

/**
 * About four a second, as the client reports them.
 *
 * @typedef {Object} Stats
 * @property {string | null} [route]
 * @property {string | null} [thread] Where audio is encoded: `worker` or `main`.
 * @property {import("../voicewire/types.js").AudioFormat | string | null} [input]
 * @property {import("../voicewire/types.js").AudioFormat | string | null} [output]
 * @property {number | null} [rttMs]
 * @property {number | null} [offsetMs] The server's clock minus ours.
 * @property {number | null} [uplinkMs] Sent and not yet acknowledged.
 * @property {number | null} [queuedMs] Not sent yet.
 * @property {number | null} [bufferedAmount] In bytes, of the socket.
 * @property {number | null} [shedMs]
 * @property {boolean} [slowNetwork]
 * @property {number | null} [sentBytes]
 * @property {number | null} [sentFrames]
 * @property {number | null} [downBufferedMs]
 * @property {number | null} [underruns]
 * @property {number | null} [leadMs]
 * @property {number | null} [outputLatencyMs]
 */

/**
 * @typedef {Object} ViewState
 * @property {ClientState} client
 * @property {boolean} microphone False: typing only.
 * @property {boolean} muted
 * @property {boolean} handsFree
 * @property {boolean} talking The push-to-talk button is held.
 * @property {number | null} releasedMs When that was let go last, on the client's clock.
 * @property {{attempt: number, delayMs: number} | null} retry While reconnecting.
 * @property {number | null} unheardMs When the user spoke first while the client was reconnecting.
 * @property {number} connection Counts the sessions opened.
 * @property {number} conversation Counts the conversations: of one before, the server knows nothing.
 * @property {number | null} offsetMs The server's clock minus ours, in this connection.
 * @property {import("../voicewire/types.js").SessionReady | null} ready
 * @property {readonly Turn[]} turns Bounded: the oldest are forgotten.
 * @property {readonly string[]} typed Sent, and not yet in a turn; bounded.
 * @property {readonly Problem[]} problems One of each code, bounded.
 * @property {Stats | null} stats
 * @property {readonly Stats[]} history The last half minute of stats.
 * @property {readonly import("./log.js").Entry[]} log
 * @property {readonly {id: number, text: string}[]} announcements For a screen reader; bounded.
 */

/**
 * @typedef {{type: "client_state", state: ClientState, atMs: number}
 *   | {type: "message", message: Down, atMs: number}
 *   | {type: "mark", turnId: number, mark: string, tMs: number, atMs: number}
 *   | {type: "sent", message: import("../voicewire/types.js").Up, atMs: number}
 *   | {type: "playhead", turnId: number, playedMs: number}
 *   | {type: "playback", turnId: number, playing: boolean, playedMs: number, clockMs: number, atMs: number}
 *   | {type: "reconnecting", attempt: number, delayMs: number, atMs: number}
 *   | {type: "unheard", atMs: number}
 *   | {type: "microphone", microphone: boolean}
 *   | {type: "stats", stats: Stats}
 *   | {type: "problem", problem: Problem, atMs: number}
 *   | {type: "problem_dismissed", code: string}
 *   | {type: "muted", muted: boolean}
 *   | {type: "hands_free", handsFree: boolean}
 *   | {type: "talking", talking: boolean, clockMs: number}
 *   | {type: "text_sent", text: string}} ViewEvent
 */

export const MOST_TURNS = 100;
const MOST_PROBLEMS = 3;
const MOST_ANNOUNCEMENTS = 8;
const MOST_HISTORY = 120;
const MOST_TYPED = 10;

/** The client keeps the last second of what is said while it reconnects. */
const KEPT_MS = 1_000;

/**
 * @param {{handsFree?: boolean}} [preferences]
 * @returns {ViewState}
 */
export function initial({ handsFree = true } = {}) {
  return {
    client: "idle",
    microphone: true,
    muted: false,
    handsFree,
    talking: false,
    releasedMs: null,
    retry: null,
    unheardMs: null,
    connection: 0,
    conversation: 1,
    offsetMs: null,
    ready: null,
    turns: [],
    typed: [],
    problems: [],
    stats: null,
    history: [],
    log: [],
    announcements: [],
  };
}

/**
 * @param {ViewState} state
 * @param {ViewEvent} event
 * @returns {ViewState}
 */
export function reduce(state, event) {
  switch (event.type) {
    case "client_state":
      return clientState(state, event.state, event.atMs);
    case "message":
      return received({ ...state, log: logged(state.log, messageEntry(event.message, event.atMs)) }, event);
    case "mark":
      return noted(state, event);
    case "sent":
      return { ...state, log: logged(state.log, messageEntry(event.message, event.atMs)) };
    case "playhead":
      return withTurn(state, event.turnId, (turn) => ({ ...turn, playheadMs: event.playedMs }));
    case "playback":
      return played({ ...state, log: logged(state.log, playbackEntry(event)) }, event);
    case "reconnecting": {
      const { attempt, delayMs, atMs } = event;
      const text = `attempt ${attempt}, in ${Math.round(delayMs)} ms`;
      const entry = { atMs, kind: /** @type {const} */ ("session"), name: "reconnecting", turnId: null, text };
      return { ...state, retry: { attempt, delayMs }, log: logged(state.log, entry) };
    }
    case "unheard":
      return state.handsFree || state.talking ? { ...state, unheardMs: state.unheardMs ?? event.atMs } : state;
    case "microphone":
      return { ...state, microphone: event.microphone };
    case "stats":
      return measured(state, event.stats);
    case "problem": {
      const { code, title, advice } = event.problem;
      const entry = { atMs: event.atMs, kind: /** @type {const} */ ("problem"), name: code, turnId: null, text: `${title} ${advice}` };
      return withProblem({ ...state, log: logged(state.log, entry) }, event.problem);
    }
    case "problem_dismissed":
      return { ...state, problems: state.problems.filter((problem) => problem.code !== event.code) };
    case "muted":
      return event.muted === state.muted
        ? state
        : announced({ ...state, muted: event.muted }, event.muted ? "Muted." : "Microphone on.");
    case "hands_free":
      return { ...state, handsFree: event.handsFree, talking: false, releasedMs: null };
    case "talking":
      return { ...state, talking: event.talking, releasedMs: event.talking ? null : event.clockMs };
    case "text_sent":
      return { ...state, typed: [...state.typed, event.text].slice(-MOST_TYPED) };
  }
}

/**
 * What stands one below the other: the turns, and where a conversation began that those above are no part of.
 *
 * @param {Pick<ViewState, "turns" | "conversation">} state
 * @returns {{key: string, turn: Turn | null}[]}
 */
export function timeline({ turns, conversation }) {
  const items = [];
  let above = turns[0]?.conversation ?? conversation;
  for (const turn of [...turns, null]) {
    const now = turn?.conversation ?? conversation;
    if (now !== above) items.push({ key: `conversation-${now}`, turn: null });
    if (turn) items.push({ key: turn.key, turn });
    above = now;
  }
  return items;
}

/**
 * What is said of a change of state: only where it changes what the user can do. A state that comes with each turn is
 * heard anyway, and a session that did not begin has a problem to tell.
 *
 * @param {ViewState} before
 * @param {ClientState} client
 */
function announcement(before, client) {
  if (client === "connecting") return "Connecting.";
  if (client === "reconnecting") return "Reconnecting.";
  if (client === "closed") return isOpen(before) ? "The session is over." : "";
  if (before.client === "reconnecting") return "Connected again.";
  if (before.client !== "connecting") return "";
  return before.handsFree && before.microphone ? "Connected. Speak now." : "Connected.";
}

/**
 * @param {ViewState} state
 * @param {ClientState} client
 * @param {number} atMs
 * @returns {ViewState}
 */
function clientState(state, client, atMs) {
  if (client === state.client) return state;
  const entry = { atMs, kind: /** @type {const} */ ("session"), name: "state", turnId: null, text: client };
  const next = { ...state, client, log: logged(state.log, entry) };
  if (client === "reconnecting" || client === "closed") {
    next.turns = state.turns.map((turn) => brokenOff(turn, client === "closed" ? "ended" : "lost"));
    next.talking = false;
  }
  if (client === "reconnecting") next.unheardMs = null;
  if (client === "closed") next.muted = false;
  const text = announcement(state, client);
  return text ? announced(next, text) : next;
}

/**
 * @param {ViewState} state
 * @param {{message: Down, atMs: number}} event
 * @returns {ViewState}
 */
function received(state, { message, atMs }) {
  switch (message.type) {
    case "session_ready":
      return opened(state, message, atMs);
    case "going_away":
      return withProblem(state, LEAVING);
    case "error": // The client tells what of it is a problem: after a fatal one it may connect again by itself.
    case "audio_ack":
    case "clock":
      return state;
    default:
      return turnReceived(state, message);
  }
}

/**
 * @param {ViewState} state
 * @param {import("../voicewire/types.js").SessionReady} ready
 * @param {number} atMs
 * @returns {ViewState}
 */
function opened(state, ready, atMs) {
  // Where nothing was said before, nothing was forgotten.
  const { turns, conversation, connection } = state;
  const anew = !ready.resumed && turns.some((turn) => turn.transcript && turn.conversation === conversation);
  const unheard = state.unheardMs !== null && atMs - state.unheardMs > KEPT_MS;
  // After an end that the user wanted, that is no problem.
  const problems = [...(anew && ready.resumed === false ? [BEGAN_ANEW] : []), ...(unheard ? [NOT_HEARD] : [])];
  const fresh = { typed: [], problems, retry: null, unheardMs: null, offsetMs: null, releasedMs: null };
  const next = { ...state, ...fresh, ready, connection: connection + 1 };
  return anew ? announced({ ...next, conversation: conversation + 1 }, "A new conversation.") : next;
}

/**
 * @param {ViewState} state
 * @param {Extract<Down, {turn_id: number}>} message
 * @returns {ViewState}
 */
function turnReceived(state, message) {
  const next = withTurn(state, message.turn_id, (turn) => {
    const isFinal = message.type === "transcript_final";
    const typed = isFinal && state.typed[0] === message.text;
    if (typed) return { ...reduceTurn(turn, message), typed };
    const reduced = isFinal ? { ...reduceTurn(turn, message), releasedMs: state.releasedMs } : reduceTurn(turn, message);
    const begins = message.type === "speech_started" || !turnOf(state, message.turn_id);
    const over = begins ? answering(state) : turn.over;
    const isNothing = message.type === "turn_end" && message.outcome === "no_speech";
    const aside = isNothing && over !== null && turnOf(state, over)?.cancelled === null;
    return begins || aside ? { ...reduced, over, aside } : reduced;
  });
  const turn = turnOf(next, message.turn_id);
  switch (message.type) {
    case "transcript_final":
      if (turn?.typed) return { ...next, typed: state.typed.slice(1) };
      return message.text ? announced(next, announcedWords(next, message)) : next;
    case "turn_end": {
      const settled = message.outcome === "completed" ? { ...next, problems: next.problems.filter((each) => each.fatal) } : next;
      if (message.outcome !== "completed" || !turn?.reply) return settled;
      return announced(settled, `Answer: ${turn.reply}`);
    }
    case "reply_cancelled":
      return message.heard_text ? announced(next, `Answer, cut short: ${message.heard_text}`) : next;
    default:
      return next;
  }
}

/** The turn whose answer was begun, and is not over.  @param {ViewState} state */
function answering({ turns }) {
  return turns.find((turn) => turn.reply && turn.cancelled === null && turn.outcome === null)?.turnId ?? null;
}

/**
 * Nobody is told words twice that a turn before had, which was taken back.
 *
 * @param {ViewState} state
 * @param {{turn_id: number, text: string}} message
 */
function announcedWords({ turns, connection }, { turn_id, text }) {
  const at = turns.findIndex(({ key }) => key === turnKey(connection, turn_id));
  const before = turns[at - 1];
  return before?.folded ? `You went on: ${split(text, before.transcript ?? "").unheard}` : `You said: ${text}`;
}

/**
 * @param {ViewState} state
 * @param {{turnId: number, mark: string, tMs: number, atMs: number}} event
 * @returns {ViewState}
 */
function noted(state, { turnId, mark, tMs, atMs }) {
  const entry = { atMs, kind: /** @type {const} */ ("timing"), name: "mark", turnId, text: `${mark} (client)` };
  const next = { ...state, log: logged(state.log, entry) };
  return withTurn(next, turnId, (turn) => marked(turn, /** @type {import("../voicewire/types.js").Mark} */ (mark), tMs));
}

/**
 * The first report of a reply that is played tells when its first sample was, sound or silence.
 *
 * @param {ViewState} state
 * @param {{turnId: number, playing: boolean, playedMs: number, clockMs: number}} event
 */
function played(state, { turnId, playing, playedMs, clockMs }) {
  const dated = playing && playedMs > 0 ? clockMs - playedMs : null;
  return withTurn(state, turnId, (turn) => ({ ...turn, playheadMs: playedMs, replyPlayMs: turn.replyPlayMs ?? dated }));
}

/** @param {{turnId: number, playing: boolean, playedMs: number, atMs: number}} event */
function playbackEntry({ turnId, playing, playedMs, atMs }) {
  const text = `${playing ? "playing" : "stopped"}, ${Math.round(playedMs)} ms played`;
  return { atMs, kind: /** @type {const} */ ("audio"), name: "playback", turnId, text };
}

/**
 * @param {ViewState} state
 * @param {Stats} stats
 * @returns {ViewState}
 */
function measured(state, stats) {
  const history = [...state.history.slice(-(MOST_HISTORY - 1)), stats];
  const next = withOffset({ ...state, stats, history }, stats.offsetMs ?? null);
  if (Boolean(stats.slowNetwork) === Boolean(state.stats?.slowNetwork)) return next;
  return announced(next, stats.slowNetwork ? "Slow network: some of what you say may be lost." : "The network has recovered.");
}

/**
 * @param {ViewState} state
 * @param {number | null} offsetMs
 * @returns {ViewState}
 */
function withOffset(state, offsetMs) {
  if (offsetMs === null || offsetMs === state.offsetMs) return state;
  const turns = state.turns.map((turn) => {
    const settled = turn.connection !== state.connection || (turn.outcome !== null && turn.offsetMs !== null);
    return settled ? turn : { ...turn, offsetMs };
  });
  return { ...state, offsetMs, turns };
}

/**
 * @param {ViewState} state
 * @param {Problem} problem
 * @returns {ViewState}
 */
function withProblem(state, problem) {
  const others = state.problems.filter((each) => each.code !== problem.code);
  return { ...state, problems: [...others, problem].slice(-MOST_PROBLEMS) };
}

/**
 * @param {ViewState} state
 * @param {number} turnId
 * @param {(turn: Turn) => Turn} change
 * @returns {ViewState}
 */
function withTurn(state, turnId, change) {
  const before = turnOf(state, turnId);
  if (!before) return { ...state, turns: joined([...state.turns, change(newTurn(state, turnId))].slice(-MOST_TURNS)) };
  const after = change(before);
  return after === before ? state : { ...state, turns: joined(state.turns.map((turn) => (turn === before ? after : turn))) };
}

/**
 * @param {ViewState} state
 * @param {number} turnId
 */
function turnOf(state, turnId) {
  const key = turnKey(state.connection, turnId);
  return state.turns.find((turn) => turn.key === key);
}

/**
 * @param {ViewState} state
 * @param {string} text
 * @returns {ViewState}
 */
function announced(state, text) {
  const id = (state.announcements.at(-1)?.id ?? 0) + 1;
  return { ...state, announcements: [...state.announcements, { id, text }].slice(-MOST_ANNOUNCEMENTS) };
}
