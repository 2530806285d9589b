// How far the server's clock is from ours, measured by `clock` messages. Pure: time is an argument, in milliseconds.

const HISTORY = 16;
const QUICK_PINGS = 8;
const QUICK_INTERVAL_MS = 50;
const INTERVAL_MS = 2_000;

/** The offset from the exchange with the smallest round trip among the last 16; wrong by half of that at most. */
export class ClockOffset {
  #nextId = 0;
  /** @type {Map<number, number>} when each unanswered ping was sent; the oldest is forgotten past 16 */
  #sent = new Map();
  /** @type {{roundTripMs: number, offsetMs: number}[]} */
  #samples = [];
  #dueMs = -Infinity;

  /** When the next ping is due: eight in quick succession, then one each two seconds. */
  get dueMs() {
    return this.#dueMs;
  }

  /**
   * @param {number} nowMs
   * @returns {import("./types.js").Clock} a question to send now
   */
  ping(nowMs) {
    const pingId = this.#nextId++;
    this.#sent.set(pingId, nowMs);
    if (this.#sent.size > HISTORY) this.#sent.delete(this.#sent.keys().next().value ?? -1);
    this.#dueMs = nowMs + (this.#nextId < QUICK_PINGS ? QUICK_INTERVAL_MS : INTERVAL_MS);
    return { type: "clock", ping_id: pingId, sent_ms: nowMs };
  }

  /**
   * Learn from an answer that arrived now. What answers no ping of ours, or cannot be true, is ignored.
   *
   * @param {import("./types.js").Clock} pong
   * @param {number} nowMs
   */
  observe(pong, nowMs) {
    const sentMs = this.#sent.get(pong.ping_id);
    if (sentMs === undefined || typeof pong.received_ms !== "number" || typeof pong.replied_ms !== "number") return;
    this.#sent.delete(pong.ping_id);
    const heldMs = pong.replied_ms - pong.received_ms;
    const roundTripMs = nowMs - sentMs - heldMs;
    // The browser's clock is coarse: a round trip may seem to take a little less than nothing.
    if (heldMs < 0 || roundTripMs < -0.2) return;
    const offsetMs = (pong.received_ms - sentMs + pong.replied_ms - nowMs) / 2;
    this.#samples.push({ roundTripMs: Math.max(0, roundTripMs), offsetMs });
    if (this.#samples.length > HISTORY) this.#samples.shift();
  }

  /**
   * The answer to a ping of the server's.
   *
   * @param {import("./types.js").Clock} ping
   * @param {number} receivedMs
   * @param {number} nowMs
   * @returns {import("./types.js").Clock}
   */
  static answer(ping, receivedMs, nowMs) {
    return { ...ping, received_ms: receivedMs, replied_ms: nowMs };
  }

  /** The server's clock minus ours; null before the first answer. */
  get offsetMs() {
    return this.#best()?.offsetMs ?? null;
  }

  /** The round trip that the offset was measured by. */
  get roundTripMs() {
    return this.#best()?.roundTripMs ?? null;
  }

  #best() {
    return this.#samples.reduce((best, sample) => (best && best.roundTripMs <= sample.roundTripMs ? best : sample),
      /** @type {{roundTripMs: number, offsetMs: number} | undefined} */ (undefined));
  }
}
