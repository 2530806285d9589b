// What the page remembers between visits. Never a token.

/**
 * @typedef {Object} Preferences
 * @property {boolean} panelOpen
 * @property {boolean} handsFree
 * @property {boolean} clientVad
 * @property {"auto" | "webcodecs" | "mediarecorder" | "pcm"} route
 * @property {string} locale
 * @property {string | null} voice
 * @property {string} deviceId Empty: the browser's choice.
 * @property {import("./log.js").Kind[]} logKinds
 */

/** @type {Preferences} */
export const DEFAULTS = Object.freeze({
  panelOpen: false,
  handsFree: true,
  clientVad: false,
  route: "auto",
  locale: "en-US",
  voice: null,
  deviceId: "",
  logKinds: /** @type {import("./log.js").Kind[]} */ (["speech", "reply", "session", "problem"]),
});

export const ROUTES = Object.freeze(["auto", "webcodecs", "mediarecorder", "pcm"]);

const KEY = "voicecli.preferences";

/**
 * What was remembered, as far as it makes sense.
 *
 * @param {string | null} text
 * @returns {Preferences}
 */
export function parse(text) {
  /** @type {Record<string, unknown>} */
  let stored = {};
  try {
    const value = JSON.parse(text ?? "{}");
    if (value && typeof value === "object") stored = value;
  } catch {
    return { ...DEFAULTS };
  }
  const merged = /** @type {Record<string, unknown>} */ ({ ...DEFAULTS });
  for (const [name, fallback] of Object.entries(DEFAULTS)) {
    const value = stored[name];
    const fits = name === "voice" ? value === null || typeof value === "string" : typeof value === typeof fallback;
    if (fits && Array.isArray(value) === Array.isArray(fallback)) merged[name] = value;
  }
  if (!ROUTES.includes(String(merged.route))) merged.route = DEFAULTS.route;
  return /** @type {Preferences} */ (/** @type {unknown} */ (merged));
}

/** @returns {Preferences} */
export function load() {
  try {
    return parse(localStorage.getItem(KEY));
  } catch {
    return { ...DEFAULTS }; // The browser keeps nothing for this page.
  }
}

/** @param {Preferences} preferences */
export function save(preferences) {
  try {
    localStorage.setItem(KEY, JSON.stringify(preferences));
  } catch {
    // The browser keeps nothing for this page: it forgets, and works.
  }
}
