// The audio context's time on the client's clock. Pure.

const WINDOW_MS = 10_000;

/**
 * A message cannot arrive before the audio thread sent it: of the last ten seconds, the fastest one tells how the two
 * clocks lie.
 */
export class ContextClock {
  /** @type {{atMs: number, originMs: number}[]} rising in both: the first is the smallest origin */
  #minima = [];

  /**
   * @param {number} contextMs when it was sent, on the context's clock
   * @param {number} nowMs when it arrived, on the client's
   */
  observe(contextMs, nowMs) {
    const originMs = nowMs - contextMs;
    while (this.#minima.length > 0 && this.#minima[this.#minima.length - 1].originMs >= originMs) this.#minima.pop();
    this.#minima.push({ atMs: nowMs, originMs });
    while (this.#minima[0].atMs < nowMs - WINDOW_MS) this.#minima.shift();
  }

  /** The context was stopped, or is another one. */
  reset() {
    this.#minima = [];
  }

  /** Null before the first message. @param {number} contextMs @returns {number | null} */
  clientMs(contextMs) {
    return this.#minima.length > 0 ? this.#minima[0].originMs + contextMs : null;
  }
}
