// Waterfalls drawn: a row for each part, all on one time axis; one run, or two beside each other.

import { drawing, element } from "./element.js";
import { exactly, signedExactly } from "./figures.js";
import { place, ticks } from "./layout.js";
import { totalMs } from "./samples.js";

/** @typedef {import("./samples.js").Turn} Turn */
/** @typedef {import("./samples.js").Bar} Bar */
/** @typedef {import("./samples.js").Named} Named */

const FALL_WIDTH = 1000;

/**
 * The stretch of time that holds the bars of all turns.
 *
 * @param {readonly Turn[]} turns
 */
export function extent(turns) {
  const ends = turns.flatMap((turn) => turn.bars.flatMap((bar) => [bar.startMs, bar.startMs + bar.ms]));
  const from = Math.min(0, ...ends);
  const totals = turns.map((turn) => totalMs(turn) ?? Math.max(1, ...turn.bars.map((bar) => bar.startMs + bar.ms)));
  return { from, to: Math.max(1, ...totals), width: FALL_WIDTH };
}

/**
 * What a bar adds; with its sign where it may have either, in brackets what was done wholly beside others.
 *
 * @param {Bar} bar
 */
export function added(bar) {
  if (bar.part === "stt" && bar.ms === 0 && bar.whole) return `(${exactly(bar.whole[1] - bar.whole[0])})`;
  return bar.part === "speech_end" ? signedExactly(bar.ms) : exactly(bar.ms);
}

/**
 * @param {Turn} turn
 * @param {readonly Named[]} parts
 * @param {(ms: number) => void} hear Of ms after the end of the user's speech.
 */
export function waterfall(turn, parts, hear) {
  const scale = extent([turn]);
  const rows = turn.bars.map((bar) => {
    const part = named(parts, bar.part);
    const beside = bar.whole ? `; at work from ${exactly(bar.whole[0])} to ${exactly(bar.whole[1])} ms` : "";
    const listen = () => hear(Math.min(bar.startMs, bar.startMs + bar.ms));
    return element(
      "tr",
      { "data-part": bar.part, class: bar.ms === 0 ? "nothing" : undefined },
      element("th", { scope: "row" }, element("button", { type: "button", class: "part", click: listen, "data-tip": part.meaning }, part.title)),
      element("td", { class: "bar-cell", click: listen, "data-tip": `${part.title}: ${exactly(bar.ms)} ms${beside}` }, bars([bar], parts, scale)),
      element("td", { class: "number" }, added(bar)),
    );
  });
  const total = totalMs(turn);
  return element(
    "table",
    { class: "waterfall" },
    element("caption", { class: "visually-hidden" }, `Where the time of turn ${turn.id} went, in ms`),
    head(["part", "when", "ms"]),
    element("tbody", {}, ...rows),
    element(
      "tfoot",
      {},
      element(
        "tr",
        {},
        element("th", { scope: "row" }, total === undefined ? "" : "voice-to-voice"),
        element("td", { class: "bar-cell" }, axis(scale)),
        element("td", { class: "number" }, total === undefined ? "" : exactly(total)),
      ),
    ),
  );
}

/**
 * Two turns on one axis: the baseline's bar above the candidate's.
 *
 * @param {Turn} before
 * @param {Turn} after
 * @param {readonly Named[]} parts
 * @param {string} caption
 */
export function besides(before, after, parts, caption) {
  const scale = extent([before, after]);
  const [beforeMs, afterMs] = [totalMs(before) ?? 0, totalMs(after) ?? 0];
  const shown = parts.filter((part) => [before, after].some((turn) => turn.bars.some((bar) => bar.part === part.name)));
  const rows = shown.map((part) => {
    const sides = [before, after].map((turn) => turn.bars.find((bar) => bar.part === part.name));
    const [was, is] = sides.map((bar) => bar?.ms ?? 0);
    return element(
      "tr",
      { "data-part": part.name, class: was === 0 && is === 0 ? "nothing" : undefined },
      element("th", { scope: "row", "data-tip": part.meaning }, part.title),
      element("td", { class: "bar-cell" }, bars(sides, parts, scale)),
      element("td", { class: "number before-number" }, sides[0] ? added(sides[0]) : "–"),
      element("td", { class: "number" }, sides[1] ? added(sides[1]) : "–"),
      element("td", { class: "number change", "data-way": way(is - was, afterMs) }, signedExactly(is - was)),
    );
  });
  return element(
    "table",
    { class: "waterfall two" },
    element("caption", {}, caption),
    head(["part", "when", "before", "after", "change"]),
    element("tbody", {}, ...rows),
    element(
      "tfoot",
      {},
      element(
        "tr",
        {},
        element("th", { scope: "row" }, "voice-to-voice"),
        element("td", { class: "bar-cell" }, axis(scale)),
        element("td", { class: "number before-number" }, exactly(beforeMs)),
        element("td", { class: "number" }, exactly(afterMs)),
        element("td", { class: "number change", "data-way": way(afterMs - beforeMs, afterMs) }, signedExactly(afterMs - beforeMs)),
      ),
    ),
  );
}

/**
 * A whole turn in one line.
 *
 * @param {Turn} turn
 * @param {readonly Named[]} parts
 * @param {number} longestMs
 */
export function strip(turn, parts, longestMs) {
  const svg = frame(10);
  const scale = { from: 0, to: longestMs, width: FALL_WIDTH };
  for (const bar of turn.bars) {
    const [from, to] = [bar.startMs, bar.startMs + bar.ms].map((ms) => place(scale, Math.max(0, ms)));
    if (to > from) svg.append(drawing("rect", { x: from, width: to - from, height: 10, fill: named(parts, bar.part).colour }));
  }
  return svg;
}

/**
 * @param {readonly Named[]} parts
 * @param {string} name
 */
export function named(parts, name) {
  return parts.find((part) => part.name === name) ?? { name, title: name, meaning: "", colour: "#8a8f98" };
}

/**
 * The bars of one row, one above the other; what a stage did beside others is light.
 *
 * @param {readonly (Bar | undefined)[]} sides
 * @param {readonly Named[]} parts
 * @param {import("./layout.js").Scale} scale
 */
function bars(sides, parts, scale) {
  const high = 10;
  const svg = frame(high * sides.length);
  for (const tick of ticks(Math.max(0, scale.from), scale.to, 5)) {
    svg.append(drawing("rect", { class: "grid", x: place(scale, tick), width: 1.5, height: high * sides.length }));
  }
  sides.forEach((bar, at) => {
    if (!bar) return;
    const fill = named(parts, bar.part).colour;
    const dim = sides.length > 1 && at === 0 ? 0.5 : undefined;
    const [top, tall] = sides.length > 1 ? [at * high + 0.5, high - 1.5] : [0.5, high - 1];
    if (bar.whole) svg.append(rectangle(bar.whole[0], bar.whole[1], scale, { fill, opacity: 0.28, y: top + 2, height: tall - 4 }));
    if (bar.ms !== 0) svg.append(rectangle(bar.startMs, bar.startMs + bar.ms, scale, { fill, opacity: dim, y: top, height: tall }));
  });
  return svg;
}

/** @param {number} height */
function frame(height) {
  return drawing("svg", { viewBox: `0 0 ${FALL_WIDTH} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" });
}

/**
 * @param {number} one
 * @param {number} other
 * @param {import("./layout.js").Scale} scale
 * @param {Record<string, import("./element.js").Value>} more
 */
function rectangle(one, other, scale, more) {
  const [from, to] = [Math.min(one, other), Math.max(one, other)].map((ms) =>
    place(scale, Math.min(Math.max(ms, scale.from), scale.to)),
  );
  const width = Math.max(2.5, to - from);
  return drawing("rect", { x: Math.min(from, FALL_WIDTH - width), width, ...more });
}

/** @param {import("./layout.js").Scale} scale */
function axis(scale) {
  const svg = drawing("svg", { class: "scale", "aria-hidden": "true" });
  for (const tick of ticks(Math.max(0, scale.from), scale.to, 5)) {
    const share = place(scale, tick) / FALL_WIDTH;
    if (share < 0.85) svg.append(drawing("text", { x: `${share * 100}%`, y: 12 }, String(tick)));
  }
  return svg;
}

/** @param {readonly string[]} titles */
function head(titles) {
  const hidden = titles.length > 3 ? undefined : "visually-hidden";
  return element(
    "thead",
    { class: hidden },
    element("tr", {}, ...titles.map((title, at) => element("th", { scope: "col", class: at > 1 ? "number" : undefined }, title))),
  );
}

/**
 * What is less than a hundredth of the whole is not worth a colour.
 *
 * @param {number} change
 * @param {number} total
 */
function way(change, total) {
  return Math.abs(change) < Math.max(1, total / 100) ? "same" : change > 0 ? "slower" : "faster";
}
