// The talk button, the state in words and shape, the level meter and the controls around them.

import { byId, mark, write } from "./element.js";
import { fullness } from "./figures.js";
import { isInterruptible, isOpen, isPaused, presence } from "./presence.js";

/** @typedef {import("./presence.js").Presence} Presence */
/** @typedef {import("./state.js").ViewState} ViewState */

/** @type {Record<Presence, [title: string, hint: string]>} */
const WORDS = {
  idle: ["", ""],
  connecting: ["Connecting", "Allow the microphone if you are asked."],
  listening: ["Listening", "Just talk."],
  hearing: ["Hearing you", ""],
  thinking: ["Thinking", ""],
  speaking: ["Speaking", "Talk over it to cut in."],
  muted: ["Muted", "You are not heard."],
  waiting: ["Ready", "Hold the button or the space bar."],
  typing: ["Type below", "The microphone is off."],
  reconnecting: ["Reconnecting", "You are not heard yet. It goes on by itself."],
  closed: ["", ""],
};

/** @type {[title: string, hint: string]} */
const PAUSED = ["Paused", "It waits to see whether that is you."];

/**
 * What the big button does now.
 *
 * @param {ViewState} state
 * @returns {{label: string, pressed: boolean | null, does: "start" | "mute" | "talk" | "nothing"}}
 */
export function mainButton(state) {
  if (state.client === "connecting") return { label: "Connecting", pressed: null, does: "nothing" };
  if (!isOpen(state)) return { label: state.turns.length ? "Talk again" : "Start talking", pressed: null, does: "start" };
  if (!state.microphone) return { label: "Talk", pressed: null, does: "start" };
  if (state.handsFree) return { label: state.muted ? "Unmute" : "Mute", pressed: null, does: "mute" };
  return { label: state.talking ? "Release to send" : "Hold to talk", pressed: state.talking, does: "talk" };
}

/** @param {ViewState} state */
export function words(state) {
  const [title, hint] = isPaused(state) ? PAUSED : WORDS[presence(state)];
  if (state.client === "reconnecting") return { title, hint: reconnecting(state, hint) };
  if (!isInterruptible(state)) return { title, hint };
  if (!state.microphone) return { title, hint: hint && "Press Stop, or type, to cut in." };
  if (!state.handsFree) return { title, hint: hint && "Hold the button to cut in." };
  return state.muted ? { title: `${title}, and you are muted`, hint: "" } : { title, hint };
}

/**
 * @param {ViewState} state
 * @param {string} hint
 */
function reconnecting({ microphone, retry }, hint) {
  const text = microphone ? hint : "What you send waits until it is back.";
  return retry && retry.attempt > 1 ? `${text} Attempt ${retry.attempt}.` : text;
}

export class Stage {
  constructor() {
    this.main = byId("main-button", HTMLButtonElement);
    this.label = byId("main-label", HTMLElement);
    this.presence = byId("presence", HTMLElement);
    this.hint = byId("hint", HTMLElement);
    this.level = byId("level", HTMLElement);
    this.levelBar = byId("level-bar", SVGRectElement);
    this.halo = /** @type {SVGCircleElement} */ (this.main.querySelector(".halo-level"));
    this.handsFree = byId("hands-free", HTMLButtonElement);
    this.interrupt = byId("interrupt", HTMLButtonElement);
    this.slowNetwork = byId("slow-network", HTMLElement);
  }

  /** @param {ViewState} state */
  draw(state) {
    const now = presence(state);
    const open = isOpen(state);
    const welcome = !open && state.turns.length === 0;
    mark(document.body, "data-presence", now);
    mark(document.body, "data-microphone", state.microphone ? "on" : "off");
    mark(document.body, "data-muted", String(state.muted));
    mark(document.body, "data-paused", String(isPaused(state)));
    mark(document.body, "data-view", welcome ? "welcome" : open ? "talking" : "over");
    const { label, pressed, does } = mainButton(state);
    mark(this.main, "data-does", does);
    write(this.label, label);
    if (pressed === null) this.main.removeAttribute("aria-pressed");
    else mark(this.main, "aria-pressed", String(pressed));
    const { title, hint } = words(state);
    write(this.presence, title);
    write(this.hint, hint);
    mark(this.handsFree, "aria-pressed", String(state.handsFree));
    mark(this.interrupt, "aria-disabled", String(!isInterruptible(state)));
    this.slowNetwork.hidden = !(open && state.stats?.slowNetwork);
  }

  /** @param {number} db */
  drawLevel(db) {
    const full = fullness(db);
    this.levelBar.setAttribute("width", (full * 96).toFixed(1));
    this.halo.setAttribute("r", (44 + full * 12).toFixed(1));
    mark(this.level, "aria-valuenow", String(Math.round(full * 10) * 10));
  }
}
