// Push-to-talk: held, or tapped once to begin and once more to end, which those who cannot hold a key need.

/** Held for less than this, a press is a tap. */
export const TAP_MS = 300;

/**
 * Decides when talking begins and ends. Time is an argument; whoever feeds it acts on what is returned.
 *
 * @typedef {"press" | "release" | null} Action
 */
export class HoldToTalk {
  constructor() {
    /** @type {"resting" | "held" | "latched" | "ending"} */
    this.state = "resting";
    this.sinceMs = 0;
  }

  /** A key or a pointer goes down.  @param {number} nowMs @returns {Action} */
  down(nowMs) {
    if (this.state === "latched") this.state = "ending";
    if (this.state !== "resting") return null;
    this.state = "held";
    this.sinceMs = nowMs;
    return "press";
  }

  /** It comes up.  @param {number} nowMs @returns {Action} */
  up(nowMs) {
    if (this.state === "held" && nowMs - this.sinceMs < TAP_MS) {
      this.state = "latched";
      return null;
    }
    return this.state === "held" || this.state === "ending" ? this.cancel() : null;
  }

  /** The button was activated without key or pointer, as a screen reader does.  @returns {Action} */
  toggle() {
    if (this.state !== "resting") return this.cancel();
    this.state = "latched";
    return "press";
  }

  /** The page lost sight of the key or the pointer, or push-to-talk is off.  @returns {Action} */
  cancel() {
    if (this.state === "resting") return null;
    this.state = "resting";
    return "release";
  }
}

/**
 * Whether the space bar, pressed there, is push-to-talk, and not a blank typed or a button pressed.
 *
 * @param {{closest(selector: string): unknown} | null} target
 */
export function isFreeForTalking(target) {
  return !target?.closest(
    "input, textarea, select, button, a[href], summary, option, dialog, [contenteditable], [role=button], [role=region][tabindex]",
  );
}
