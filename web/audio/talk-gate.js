// When microphone audio is sent, and when the user's turn is over. Pure: it counts samples.

const RATE = 48_000;
/** After the button was released the last sound is still on its way through the microphone. */
const RELEASE_MS = 100;
/** Speech over a reply that is shorter than this does not interrupt it. */
const BARGE_IN_MS = 200;

/** @typedef {"open" | "vad" | "manual"} TalkMode hands-free, hands-free with the client's VAD, push-to-talk */
/** @typedef {{type: "open"} | {type: "close", position: number} | {type: "end", position: number} | {type: "silence"} | {type: "barge_in"}} GateEffect */

/** Decides from the mode, the mute switch, the button and the client's VAD. Each method gives what is to be done. */
export class TalkGate {
  /** @type {TalkMode} */
  #mode = "open";
  #muted = false;
  #pressed = false;
  #speech = false;
  #began = 0;
  /** @type {number | null} where the speech ended that has not been told yet */
  #lastSpeech = null;
  #bargedIn = false;
  #silence;
  #bargeIn;

  /** @param {{silenceMs?: number, bargeInMs?: number}} [settings] silence after which the client's VAD ends a turn */
  constructor({ silenceMs = 600, bargeInMs = BARGE_IN_MS } = {}) {
    this.#silence = (silenceMs * RATE) / 1000;
    this.#bargeIn = (bargeInMs * RATE) / 1000;
  }

  /** Whether audio is to be sent now. */
  get isOpen() {
    if (this.#muted) return false;
    return this.#mode === "open" || (this.#mode === "manual" ? this.#pressed : this.#speech);
  }

  /** The talk button is held. */
  get isPressed() {
    return this.#pressed;
  }

  /** Audio is sent only while the button is held. */
  get isManual() {
    return this.#mode === "manual";
  }

  /**
   * @param {TalkMode} mode
   * @param {number} position captured so far
   * @returns {GateEffect[]}
   */
  setMode(mode, position) {
    const before = this.isOpen;
    this.#mode = mode;
    this.#pressed = false;
    this.#lastSpeech = null;
    return this.#changed(before, position);
  }

  /**
   * @param {boolean} muted
   * @param {number} position
   * @returns {GateEffect[]}
   */
  setMuted(muted, position) {
    if (muted === this.#muted) return [];
    const wasTalking = this.isOpen && this.#mode !== "open";
    this.#muted = muted;
    if (!muted) return this.isOpen ? [{ type: "open" }] : [];
    this.#pressed = false;
    this.#speech = false;
    this.#lastSpeech = null;
    return wasTalking ? [{ type: "end", position }, { type: "silence" }] : [{ type: "silence" }];
  }

  /** @returns {GateEffect[]} */
  press() {
    if (this.#mode !== "manual" || this.#muted || this.#pressed) return [];
    this.#pressed = true;
    return [{ type: "barge_in" }, { type: "open" }];
  }

  /** @param {number} position @returns {GateEffect[]} */
  release(position) {
    if (!this.#pressed) return [];
    this.#pressed = false;
    const until = position + (RELEASE_MS * RATE) / 1000;
    return [{ type: "end", position: until }, { type: "close", position: until }];
  }

  /**
   * @param {import("./energy-vad.js").VadEdge} edge
   * @param {number} position captured so far
   * @returns {GateEffect[]}
   */
  vad(edge, position) {
    this.#speech = edge.speech && !this.#muted;
    this.#bargedIn = false;
    if (edge.speech) this.#began = edge.position;
    if (this.#mode !== "vad" || this.#muted) return [];
    this.#lastSpeech = edge.speech ? null : edge.position;
    return edge.speech ? [{ type: "open" }] : [{ type: "close", position }];
  }

  /** Audio was captured up to here. @param {number} position @returns {GateEffect[]} */
  captured(position) {
    if (this.#mode !== "vad") return [];
    if (this.#speech && !this.#bargedIn && position - this.#began >= this.#bargeIn) {
      this.#bargedIn = true;
      return [{ type: "barge_in" }];
    }
    if (this.#lastSpeech !== null && position - this.#lastSpeech >= this.#silence) {
      // Nothing is sent of this silence: the end follows what was sent before it.
      const ended = this.#lastSpeech;
      this.#lastSpeech = null;
      return [{ type: "end", position: ended }];
    }
    return [];
  }

  /** @param {boolean} before @param {number} position @returns {GateEffect[]} */
  #changed(before, position) {
    if (this.isOpen === before) return [];
    return this.isOpen ? [{ type: "open" }] : [{ type: "close", position }];
  }
}
