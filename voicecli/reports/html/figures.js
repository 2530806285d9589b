// Figures as they are shown, and what many of them come to. The same statistics as voicecli/figures/budget.py.

/** Below this many values there is no p95. */
export const P95_SAMPLES = 20;

/**
 * @param {readonly number[]} values At least one.
 * @param {number} share From 0 to 1, with linear interpolation between the two values around it.
 */
export function quantile(values, share) {
  const sorted = [...values].sort((one, other) => one - other);
  const at = (sorted.length - 1) * share;
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (at - below);
}

/**
 * @typedef {{n: number, p50: number, p95: number | null, min: number, max: number}} Statistics
 */

/**
 * @param {readonly number[]} values
 * @returns {Statistics | null} Null of nothing; a p95 only of enough values.
 */
export function statistics(values) {
  if (values.length === 0) return null;
  return {
    n: values.length,
    p50: quantile(values, 0.5),
    p95: values.length >= P95_SAMPLES ? quantile(values, 0.95) : null,
    min: values.reduce((least, value) => Math.min(least, value)),
    max: values.reduce((most, value) => Math.max(most, value)),
  };
}

/**
 * With a decimal where the value is small.
 *
 * @param {number} ms
 */
export function figure(ms) {
  return Math.abs(ms) < 99.95 ? exactly(ms) : ms.toFixed(0);
}

/** @param {number | null | undefined} ms */
export function milliseconds(ms) {
  return ms === null || ms === undefined ? "–" : `${figure(ms)} ms`;
}

/** @param {number} ms */
export function signed(ms) {
  return withSign(figure(ms));
}

/**
 * To a tenth, as what sums to a whole is told.
 *
 * @param {number} ms
 */
export function exactly(ms) {
  return ms.toFixed(1).replace(/^-0\.0$/, "0.0");
}

/** @param {number} ms */
export function signedExactly(ms) {
  return withSign(exactly(ms));
}

/** @param {string} text */
function withSign(text) {
  return Number(text) > 0 ? `+${text}` : text.replace("-", "−");
}

/** @param {number} ms */
export function seconds(ms) {
  const minutes = Math.floor(ms / 60_000);
  const rest = (ms - minutes * 60_000) / 1000;
  return minutes ? `${minutes}:${rest.toFixed(2).padStart(5, "0")}` : `${rest.toFixed(2)} s`;
}

/** @param {number} bytes */
export function size(bytes) {
  return bytes < 1e6 ? `${Math.round(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/**
 * @param {number} count
 * @param {string} noun
 */
export function counted(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
