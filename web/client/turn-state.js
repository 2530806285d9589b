// What the conversation is doing, in one word. Pure.

/** @typedef {"idle" | "connecting" | "listening" | "hearing" | "thinking" | "speaking" | "reconnecting" | "closed"} State */

/** From the connection's phase, the server's messages and the loudspeaker. */
export class TurnState {
  /** @type {"idle" | "connecting" | "ready" | "reconnecting" | "closed"} */
  #phase = "idle";
  #hearing = 0;
  #speaking = 0;
  /** @type {Set<number>} turns that wait for their reply */
  #pending = new Set();

  /** @returns {State} */
  get state() {
    if (this.#phase !== "ready") return this.#phase;
    if (this.#speaking) return "speaking";
    if (this.#hearing) return "hearing";
    return this.#pending.size > 0 ? "thinking" : "listening";
  }

  /** @param {"idle" | "connecting" | "ready" | "reconnecting" | "closed"} phase */
  setPhase(phase) {
    this.#phase = phase;
    this.#hearing = 0;
    this.#speaking = 0;
    this.#pending.clear();
  }

  /** @param {import("../voicewire/types.js").Down} message */
  received(message) {
    switch (message.type) {
      case "speech_started":
        this.#hearing = message.turn_id;
        this.#pending.delete(message.turn_id);
        break;
      case "speech_stopped":
        if (this.#hearing === message.turn_id) this.#hearing = 0;
        this.#pending.add(message.turn_id);
        break;
      case "transcript_final":
        this.#pending.add(message.turn_id);
        break;
      case "reply_cancelled":
        if (this.#speaking === message.turn_id) this.#speaking = 0;
        this.#pending.delete(message.turn_id);
        break;
      case "turn_end":
        if (this.#hearing === message.turn_id) this.#hearing = 0;
        if (this.#speaking === message.turn_id) this.#speaking = 0;
        this.#pending.delete(message.turn_id);
        break;
    }
  }

  /** A short underrun is no end, nor is a pause. @param {{turnId: number, playing: boolean, ended: boolean}} playback */
  played({ turnId, playing, ended }) {
    this.#pending.delete(turnId);
    if (playing) this.#speaking = turnId;
    if (ended && this.#speaking === turnId) this.#speaking = 0;
  }
}
