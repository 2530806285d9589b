// How long to wait before the next attempt to connect. Pure.

const FIRST_MS = 250;
const LONGEST_MS = 8_000;
export const MAX_ATTEMPTS = 20;

/** Doubles from a quarter of a second to eight, each time with jitter, so that not all clients come back at once. */
export class Backoff {
  #random;
  attempt = 0;

  /** @param {() => number} [random] from 0 to 1 */
  constructor(random = Math.random) {
    this.#random = random;
  }

  /** Milliseconds to wait before the next attempt; null when it is time to give up. @returns {number | null} */
  next() {
    if (this.attempt >= MAX_ATTEMPTS) return null;
    const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.attempt++);
    return longest * (0.5 + this.#random() / 2);
  }

  reset() {
    this.attempt = 0;
  }
}
