// The client's clock: milliseconds, the same in the page and in its workers, never going back.

/** @returns {number} */
export function nowMs() {
  return performance.timeOrigin + performance.now();
}
