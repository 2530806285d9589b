// What the session is doing, as the user is told, and what can be done in it.

/** @typedef {import("./state.js").ViewState} ViewState */

/**
 * What the user is told of the session: the client's state, and what the user chose.
 *
 * @typedef {import("./state.js").ClientState | "muted" | "waiting" | "typing"} Presence `waiting`: for the push-to-talk
 *   button; `typing`: without a microphone.
 */

/** @param {Pick<ViewState, "client">} state @returns {boolean} */
export function isOpen({ client }) {
  return client !== "idle" && client !== "connecting" && client !== "closed";
}

/**
 * @param {ViewState} state
 * @returns {Presence}
 */
export function presence({ client, microphone, muted, handsFree, talking }) {
  const open = isOpen({ client });
  if (open && talking && client !== "reconnecting") return "hearing";
  if (client !== "listening" && client !== "hearing") return client;
  if (!microphone) return "typing";
  if (handsFree) return muted ? "muted" : client;
  return "waiting";
}

/** There is a reply that can be stopped.  @param {ViewState} state */
export function isInterruptible({ client }) {
  return client === "thinking" || client === "speaking";
}

/** The reply is silent, as the user may be speaking over it.  @param {Pick<ViewState, "client" | "turns">} state */
export function isPaused({ client, turns }) {
  return client === "speaking" && turns.some((turn) => turn.paused && turn.outcome === null);
}
