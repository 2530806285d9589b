// Figures as they are shown: what is not known is a dash, never 0.

/**
 * @param {readonly number[]} values
 * @returns {number | null} Null of nothing.
 */
export function median(values) {
  if (values.length === 0) return null;
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** As exact as it is shown: below ten to a tenth, else whole.  @param {number} ms */
export function rounded(ms) {
  return Math.abs(ms) < 9.95 ? Math.round(ms * 10) / 10 : Math.round(ms);
}

/** @param {number | null | undefined} value */
export function milliseconds(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const shown = rounded(value);
  return `${shown.toFixed(Number.isInteger(shown) ? 0 : 1)} ms`;
}

/** @param {number | null | undefined} value */
export function bytes(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (value < 1000) return `${value} B`;
  return value < 1e6 ? `${(value / 1e3).toFixed(1)} kB` : `${(value / 1e6).toFixed(1)} MB`;
}

/** @param {number | null | undefined} value */
export function count(value) {
  return value === null || value === undefined || !Number.isFinite(value) ? "–" : String(value);
}

/** @param {import("../voicewire/types.js").AudioFormat | string | null | undefined} format */
export function audioFormat(format) {
  if (!format) return "–";
  if (typeof format === "string") return format;
  return format.rate ? `${format.codec}, ${format.rate / 1000} kHz` : format.codec;
}

/**
 * How full a level meter is, from 0 to 1: -60 dBFS and below is nothing, -10 and above is full.
 *
 * @param {number} db
 */
export function fullness(db) {
  return Number.isFinite(db) ? Math.min(1, Math.max(0, (db + 60) / 50)) : 0;
}

/** @param {number} atMs Since the session began. */
export function stopwatch(atMs) {
  const seconds = Math.max(0, atMs) / 1000;
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${(seconds - minutes * 60).toFixed(3).padStart(6, "0")}`;
}
