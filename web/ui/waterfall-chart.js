// Waterfalls drawn: a table with a row for each part, all on one time axis, and one line for a whole turn.

import { drawing, element } from "./element.js";
import { milliseconds, rounded } from "./figures.js";
import { axis, length } from "./waterfall.js";

/** @typedef {import("./waterfall.js").Waterfall} Waterfall */

const WIDTH = 1000;

/**
 * @param {Waterfall} drawn
 * @param {string} caption
 * @param {string} total Name of the sum.
 */
export function table(drawn, caption, total) {
  const { startMs, endMs, ticks } = axis(drawn);
  /** @param {number} tMs */
  const x = (tMs) => ((Math.min(Math.max(tMs, startMs), endMs) - startMs) / (endMs - startMs)) * WIDTH;
  const rows = drawn.bars.map(({ part, critical, whole }) => {
    const bar = drawing("svg", { viewBox: `0 0 ${WIDTH} 10`, preserveAspectRatio: "none", "aria-hidden": "true" });
    for (const tick of ticks) bar.append(drawing("rect", { class: "grid", x: x(tick), width: 1.5, height: 10 }));
    if (whole) bar.append(rectangle(x(whole.startMs), x(whole.endMs), part.colour, { opacity: 0.28, y: 2.5, height: 5 }));
    const ms = rounded(length(critical));
    /** @type {Record<string, string>} */
    const look = ms < 0 ? { class: "backwards", stroke: part.colour } : {};
    if (ms !== 0) bar.append(rectangle(x(critical.startMs), x(critical.endMs), part.colour, { y: 1, height: 8, ...look }));
    return element(
      "tr",
      { "data-part": part.name, title: part.meaning },
      element("th", { scope: "row" }, part.title),
      element("td", { class: "bar-cell" }, bar),
      element("td", { class: "number" }, milliseconds(ms)),
    );
  });
  const scale = drawing("svg", { class: "scale", "aria-hidden": "true" });
  for (const tick of ticks) {
    const share = x(tick) / WIDTH;
    if (share > 0.94) continue;
    const label = drawing("text", { x: `${share * 100}%`, y: 11 });
    label.textContent = String(tick);
    scale.append(label);
  }
  const sum = element(
    "tr",
    { class: "sum" },
    element("th", { scope: "row" }, total),
    element("td", { class: "bar-cell" }, scale),
    element("td", { class: "number" }, milliseconds(drawn.totalMs)),
  );
  return element(
    "table",
    { class: "waterfall-table" },
    element("caption", {}, caption),
    element(
      "thead",
      { class: "visually-hidden" },
      element(
        "tr",
        {},
        element("th", { scope: "col" }, "Part"),
        element("th", { scope: "col" }, "When"),
        element("th", { scope: "col" }, "How long"),
      ),
    ),
    element("tbody", {}, ...rows, sum),
  );
}

/**
 * A whole turn in one line, `longestMs` wide at most, so that turns can be compared.
 *
 * @param {Waterfall} drawn
 * @param {number} longestMs
 */
export function line(drawn, longestMs) {
  const svg = drawing("svg", { viewBox: `0 0 ${WIDTH} 10`, preserveAspectRatio: "none", "aria-hidden": "true" });
  for (const { part, critical } of drawn.bars) {
    const [from, to] = [critical.startMs, critical.endMs].map((tMs) => (Math.max(0, tMs) / longestMs) * WIDTH);
    if (to > from) svg.append(drawing("rect", { x: from, width: to - from, height: 10, fill: part.colour }));
  }
  return svg;
}

/**
 * @param {number} from
 * @param {number} to
 * @param {string} fill
 * @param {Record<string, number | string>} more
 */
function rectangle(from, to, fill, more) {
  return drawing("rect", { x: Math.min(from, to), width: Math.max(3, Math.abs(to - from)), fill, rx: 1.5, ...more });
}

/**
 * A short history as a line.
 *
 * @param {readonly (number | null | undefined)[]} values
 * @param {number} most How many there is room for.
 */
export function trace(values, most) {
  const highest = Math.max(100, ...values.map((value) => value ?? 0));
  const points = values.map((value, at) => {
    const x = ((most - values.length + at) / (most - 1)) * WIDTH;
    return `${x.toFixed(1)},${(39 - ((value ?? 0) / highest) * 37).toFixed(1)}`;
  });
  const svg = drawing("svg", { viewBox: `0 0 ${WIDTH} 40`, preserveAspectRatio: "none", "aria-hidden": "true" });
  svg.append(drawing("polyline", { points: points.join(" ") }));
  return svg;
}
