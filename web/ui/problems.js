// What went wrong, as a person is told: what happened, and what to do.

/**
 * @typedef {Object} Problem
 * @property {string} code Stable, to branch on.
 * @property {string} title What happened.
 * @property {string} advice What to do.
 * @property {boolean} fatal The session is over.
 * @property {string} [detail] The server's own words.
 */

const AGAIN = "Start again; if it happens every time, tell whoever runs this server.";
const OWN_FAULT = "This page and the server do not understand each other. Reload the page to get the latest version.";
const ONCE_MORE = "Say it once more.";

/** @type {Record<string, [title: string, advice: string]>} By the protocol's code; tests find one that is missing. */
const SENTENCES = {
  malformed_json: ["The server could not read a message", OWN_FAULT],
  unknown_type: ["The server does not know a message", OWN_FAULT],
  invalid_field: ["The server did not accept a setting", "Check the language and the voice in the settings."],
  malformed_frame: ["The server could not read some audio", OWN_FAULT],
  message_too_large: ["That message was too long", "Send a shorter text."],
  not_started: ["The session was not opened properly", OWN_FAULT],
  already_started: ["The session was opened twice", OWN_FAULT],
  unsupported_version: ["This page and the server are of different versions", "Reload the page to get the latest version."],
  unsupported_format: [
    "The server cannot use this browser's audio",
    "Choose another audio route under Details, or use a current Chrome, Edge, Firefox or Safari.",
  ],
  wrong_codec: ["Audio arrived in a form that was not agreed", OWN_FAULT],
  bad_sequence: ["Some audio arrived out of order", ONCE_MORE],
  too_far_ahead: ["Audio was sent too fast and some of it was dropped", ONCE_MORE],
  too_many_frames: ["Audio was sent in too many pieces and some of it was dropped", ONCE_MORE],
  corrupt_audio: ["Some of what you said arrived damaged", ONCE_MORE],
  overloaded: ["The server is too busy to follow you, and missed some of what you said", "Wait a moment and say it once more."],
  unauthorized: ["You are not allowed to use this server", "Open the page from the link you were given; it may have expired."],
  vad_failed: ["The server could not tell when you speak", "Say it once more, or type it."],
  stt_failed: ["What you said could not be understood", "Say it once more, or type it."],
  llm_failed: ["No answer could be found", "Ask once more."],
  tts_failed: ["The answer could not be spoken", "What there is of it can be read here. Ask once more, or ask on."],
  server_full: ["All lines are busy", "Try again in a minute."],
  too_many_sessions: ["This network has all the sessions it may have", "Close another one, then start again."],
  session_expired: ["The session has lasted as long as one may", "Press the button to go on."],
  idle_timeout: ["The session ended because nothing was said for a while", "Press the button to go on."],
  taken_over: ["The conversation goes on in another window", "Go on there, or press the button to talk here."],
  going_away: ["The server is shutting down", "Try again in a minute."],
  internal: ["Something went wrong on the server", AGAIN],
};

/** @type {Problem} A server that leaves says so before. */
export const LEAVING = Object.freeze({
  code: "going_away",
  title: "The server is about to restart",
  advice: "The page connects again by itself; while it does, you are not heard.",
  fatal: false,
});

/** @type {Problem} */
export const NOT_HEARD = Object.freeze({
  code: "not_heard",
  title: "You were not heard while the page connected again",
  advice: ONCE_MORE,
  fatal: false,
});

/** @type {Problem} */
export const BEGAN_ANEW = Object.freeze({
  code: "began_anew",
  title: "The conversation began anew",
  advice: "The server does not remember what was said before.",
  fatal: false,
});

/**
 * What the client reports or rejects with: its own sentences, except for the server's codes. Where the server's own words
 * name what the user chose, they tell more than any sentence here.
 *
 * @param {unknown} reason
 * @param {readonly (string | null)[]} [chosen] Names of voice and language.
 * @returns {Problem}
 */
export function clientProblem(reason, chosen = []) {
  if (isProblem(reason)) {
    const { code, fatal = false, detail = "" } = reason;
    const [title, advice] = Object.hasOwn(SENTENCES, code) ? SENTENCES[code] : [reason.title, reason.advice];
    const isChoice = chosen.some((name) => name !== null && names(detail, name));
    return { code, title, advice: isChoice ? `${sentence(detail)} Choose another one in the settings.` : advice, fatal };
  }
  const message = reason instanceof Error ? reason.message : String(reason);
  return { code: "unexpected", title: "Something went wrong in this page", advice: `Reload it. (${message})`, fatal: true };
}

/**
 * Whether a text has one of the words of a name: of `en-us+f2`, the server may only not know the `f2`.
 *
 * @param {string} text
 * @param {string} name
 */
function names(text, name) {
  const [told, wanted] = [text, name].map((each) => each.split(/[^\p{L}\p{N}_-]+/u).filter(Boolean));
  return wanted.some((word) => told.includes(word));
}

/** @param {string} text */
function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}

/** Whoever cannot be heard can still type.  @param {Problem} problem */
export function canTypeInstead({ code, fatal }) {
  return fatal && (code.startsWith("microphone_") || code === "insecure_context" || code === "vad_failed");
}

/**
 * @param {unknown} reason
 * @returns {reason is Problem}
 */
function isProblem(reason) {
  return typeof reason === "object" && reason !== null && "code" in reason && "title" in reason && "advice" in reason;
}
