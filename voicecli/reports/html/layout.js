// Where things stand in a drawing: scales, ticks, stacks of dots, rows of labels, outlines of sound. Knows no page.

/**
 * @typedef {{from: number, to: number, width: number}} Scale A stretch of values, drawn so wide.
 */

/**
 * @param {Scale} scale
 * @param {number} value
 */
export function place(scale, value) {
  return ((value - scale.from) / (scale.to - scale.from)) * scale.width;
}

/**
 * Round values of a scale to mark on it.
 *
 * @param {number} from
 * @param {number} to
 * @param {number} most
 */
export function ticks(from, to, most) {
  const rough = (to - from) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough * 0.9999) ?? rough;
  const first = Math.ceil(from / step - 1e-9);
  const last = Math.floor(to / step + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, at) => Number(((first + at) * step).toPrecision(10)));
}

/**
 * The stretch that shows all values with some room, and never makes much of little.
 *
 * @param {readonly number[]} values
 * @param {number} [least] How wide it is at least.
 * @returns {{from: number, to: number}}
 */
export function domain(values, least = 10) {
  const low = values.reduce((best, value) => Math.min(best, value), Infinity);
  const high = values.reduce((best, value) => Math.max(best, value), -Infinity);
  if (low > high) return { from: 0, to: least };
  const extra = Math.max(0, least - (high - low)) / 2;
  const room = (high - low + 2 * extra) * 0.06;
  // Nothing is made to look as if it could be negative.
  const shift = low >= 0 ? Math.max(0, extra - low) : 0;
  return { from: low - extra - room + shift, to: high + extra + room + shift };
}

/**
 * A dot for each value, stacked where they would lie on each other: less than a dot's width beside its value. `y` counts
 * upward from the base.
 *
 * @param {readonly number[]} values
 * @param {Scale} scale
 * @param {number} radius
 * @param {number} height What the highest stack may take: its dots overlap where they must.
 * @returns {{x: number, y: number}[]} In the order of the values.
 */
export function stacked(values, scale, radius, height) {
  const columns = values.map((value) => Math.round(place(scale, value) / (2 * radius)));
  /** @type {Map<number, number>} */
  const heights = new Map();
  const levels = columns.map((column) => {
    const level = heights.get(column) ?? 0;
    heights.set(column, level + 1);
    return level;
  });
  const highest = Math.max(1, ...heights.values());
  const step = Math.min(2 * radius, (height - 2 * radius) / Math.max(1, highest - 1));
  return columns.map((column, at) => ({ x: column * 2 * radius, y: radius + levels[at] * step }));
}

/**
 * Columns of a histogram.
 *
 * @param {readonly number[]} values
 * @param {Scale} scale
 * @param {number} count
 * @returns {{from: number, to: number, count: number}[]}
 */
export function columns(values, scale, count) {
  const step = (scale.to - scale.from) / count;
  const made = Array.from({ length: count }, (_, at) => ({
    from: scale.from + at * step,
    to: scale.from + (at + 1) * step,
    count: 0,
  }));
  for (const value of values) made[Math.min(count - 1, Math.max(0, Math.floor((value - scale.from) / step)))].count += 1;
  return made;
}

/**
 * @typedef {{x: number, width: number, rank: number}} Label Where its line is, how wide its text, and how much it matters
 *   (0 most).
 */

/**
 * Rows for labels that stand right of their lines, or left of them at the right edge, and never on each other. What matters
 * most is placed first; what finds no room gets null.
 *
 * @param {readonly Label[]} labels
 * @param {number} width
 * @param {number} rows
 * @returns {({row: number, x: number} | null)[]} In the order of the labels: the row, and where the text begins.
 */
export function labelRows(labels, width, rows) {
  /** @type {[number, number][][]} */
  const taken = Array.from({ length: rows }, () => []);
  /** @type {({row: number, x: number} | null)[]} */
  const placed = labels.map(() => null);
  const order = labels.map((_, at) => at).sort((one, other) => labels[one].rank - labels[other].rank || labels[one].x - labels[other].x);
  for (const at of order) {
    const { x, width: wide } = labels[at];
    const from = x + wide > width ? x - wide : x;
    if (from < 0) continue;
    const row = taken.findIndex((row) => row.every(([begin, end]) => from + wide <= begin || end <= from));
    if (row < 0) continue;
    taken[row].push([from, from + wide]);
    placed[at] = { row, x: from };
  }
  return placed;
}

/**
 * The outline of a sound around a middle line, as the path of an SVG.
 *
 * @param {Uint8Array} peaks One for each stretch of `peakMs`, 255 the loudest.
 * @param {number} peakMs
 * @param {Scale} scale In ms.
 * @param {number} middle
 * @param {number} half How high the loudest reaches.
 */
export function outline(peaks, peakMs, scale, middle, half) {
  const first = Math.max(0, Math.floor(scale.from / peakMs));
  const last = Math.min(peaks.length, Math.ceil(scale.to / peakMs));
  const per = Math.max(1, Math.floor((last - first) / Math.max(1, scale.width)));
  /** @type {[number, number][]} */
  const points = [];
  for (let at = first; at < last; at += per) {
    let loudest = 0;
    for (let each = at; each < Math.min(last, at + per); each += 1) loudest = Math.max(loudest, peaks[each]);
    const x = place(scale, (at + per / 2) * peakMs);
    // Loudness is heard by its ratio: the root lets a quiet voice be seen.
    points.push([x, Math.max(0.5, Math.sqrt(loudest / 255) * half)]);
  }
  if (points.length === 0) return "";
  const line = (/** @type {number} */ side) => points.map(([x, high]) => `${x.toFixed(1)},${(middle + side * high).toFixed(1)}`);
  return `M${line(-1).join("L")}L${line(1).reverse().join("L")}Z`;
}
