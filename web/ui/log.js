// The event log: one line for each thing that happened, bounded by kind, filtered by kind and by text.

/** @typedef {"speech" | "reply" | "token" | "timing" | "audio" | "session" | "problem"} Kind */

/**
 * @typedef {Object} Entry
 * @property {number} id
 * @property {number} atMs Since the session began.
 * @property {Kind} kind
 * @property {string} name
 * @property {number | null} turnId
 * @property {string} text
 */

/** Past it, the oldest of a kind is forgotten: what comes many times a second must not push out what is rare. */
export const MOST_OF_A_KIND = 200;

/** @type {readonly {kind: Kind, title: string}[]} */
export const KINDS = Object.freeze([
  { kind: "speech", title: "Speech" },
  { kind: "reply", title: "Reply" },
  { kind: "token", title: "Tokens" },
  { kind: "timing", title: "Timing" },
  { kind: "audio", title: "Audio" },
  { kind: "session", title: "Session" },
  { kind: "problem", title: "Problems" },
]);

/** @type {Record<(import("../voicewire/types.js").Down | import("../voicewire/types.js").Up)["type"], Kind>} */
const KIND_OF = {
  session_ready: "session",
  audio_ack: "audio",
  speech_started: "speech",
  speech_stopped: "speech",
  transcript_partial: "speech",
  transcript_final: "speech",
  llm_token: "token",
  reply_paused: "reply",
  reply_resumed: "reply",
  reply_cancelled: "reply",
  turn_end: "reply",
  timing: "timing",
  error: "problem",
  going_away: "session",
  clock: "session",
  session_start: "session",
  audio_end: "speech",
  interrupt: "reply",
  playback: "audio",
  text_input: "speech",
};

/**
 * @param {readonly Entry[]} entries
 * @param {Omit<Entry, "id">} entry
 * @returns {readonly Entry[]}
 */
export function logged(entries, entry) {
  const id = entries.length ? entries[entries.length - 1].id + 1 : 1;
  const same = entries.filter(({ kind }) => kind === entry.kind);
  const kept = same.length < MOST_OF_A_KIND ? entries : entries.filter((each) => each !== same[0]);
  return [...kept, { id, ...entry }];
}

/**
 * @param {import("../voicewire/types.js").Down | import("../voicewire/types.js").Up} message
 * @param {number} atMs
 * @returns {Omit<Entry, "id">}
 */
export function messageEntry(message, atMs) {
  const { type, ...fields } = message;
  const turnId = "turn_id" in message ? (message.turn_id ?? null) : null;
  return { atMs, kind: KIND_OF[type] ?? "session", name: type, turnId, text: summary(fields) };
}

/**
 * @param {readonly Entry[]} entries
 * @param {{kinds: readonly Kind[], text: string}} filter `text` is searched in everything that is shown of an entry.
 */
export function filtered(entries, { kinds, text }) {
  const needle = text.trim().toLowerCase();
  return entries.filter(
    (entry) => kinds.includes(entry.kind) && (!needle || `${entry.name} ${entry.text}`.toLowerCase().includes(needle)),
  );
}

/** Fields that open doors are never shown. */
const SECRET = new Set(["resume_token", "token"]);

/** @param {Record<string, unknown>} fields */
function summary(fields) {
  return Object.entries(fields)
    .filter(([name, value]) => name !== "turn_id" && !SECRET.has(name) && value !== null && value !== undefined)
    .map(([name, value]) => `${name} ${shown(value)}`)
    .join(", ");
}

/** @param {unknown} value */
function shown(value) {
  if (typeof value === "number") return String(Math.round(value * 10) / 10);
  const text = typeof value === "string" ? `“${value}”` : JSON.stringify(value);
  return text.length > 160 ? `${text.slice(0, 159)}…` : text;
}
