// A call as a drawing: the caller above, the replies below, the waterfall of each turn between them, and every mark.

import { drawing } from "./element.js";
import { figure, milliseconds, seconds, signed } from "./figures.js";
import { labelRows, outline, place, ticks } from "./layout.js";
import { isWhole, markRank, totalMs } from "./samples.js";
import { named } from "./waterfalls.js";

/** @typedef {import("./samples.js").Call} Call */
/** @typedef {import("./samples.js").Named} Named */
/** @typedef {{fromMs: number, toMs: number}} Stretch */

const LABEL_HIGH = 16;
const LABEL_GAP = 6;
const LANE_HIGH = 68;
const RIBBON_HIGH = 18;
const RULER_HIGH = 20;
const CHAR_WIDE = 6.3;

/**
 * @param {Call} call
 * @param {Uint8Array | null} peaks The caller's, then the replies'.
 * @param {number} peakMs
 * @param {Stretch} stretch
 * @param {number} width In px.
 * @param {readonly Named[]} parts
 * @param {number} mostRows Of names of marks; where they have no room, what matters most is named.
 */
export function timeline(call, peaks, peakMs, stretch, width, parts, mostRows) {
  const scale = { from: stretch.fromMs, to: stretch.toMs, width };
  const marks = call.turns.flatMap((turn) =>
    turn.marks.filter(([, tMs]) => tMs >= scale.from && tMs <= scale.to).map(([mark, tMs]) => ({ mark, tMs, turn })),
  );
  const labels = labelRows(
    marks.map(({ mark, tMs }) => ({ x: place(scale, tMs), width: mark.length * CHAR_WIDE + 10, rank: markRank(mark) })),
    width,
    mostRows,
  );
  const rows = labels.reduce((most, label) => Math.max(most, label ? label.row + 1 : 0), 0);
  const top = rows * LABEL_HIGH + LABEL_GAP;
  const lanes = [top, top + LANE_HIGH + RIBBON_HIGH];
  const ruler = lanes[1] + LANE_HIGH;
  const height = ruler + RULER_HIGH;
  const svg = drawing("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" });
  for (const y of lanes) svg.append(drawing("rect", { class: "lane", x: 0, y, width, height: LANE_HIGH, rx: 6 }));
  for (const tick of ticks(scale.from, scale.to, Math.max(2, Math.floor(width / 110)))) {
    const x = place(scale, tick);
    svg.append(drawing("line", { class: "grid", x1: x, x2: x, y1: top, y2: ruler }));
    if (x < width - 40) svg.append(drawing("text", { class: "tick", x: x + 3, y: ruler + 14 }, instant(tick)));
  }
  const half = peaks ? peaks.length / 2 : 0;
  lanes.forEach((y, lane) => {
    const path = peaks ? outline(peaks.subarray(lane * half, (lane + 1) * half), peakMs, scale, y + LANE_HIGH / 2, LANE_HIGH / 2 - 5) : "";
    svg.append(drawing("path", { class: lane ? "wave reply" : "wave caller", d: path }));
    svg.append(drawing("text", { class: "who", x: 8, y: y + 15 }, lane ? "reply" : "caller"));
  });
  svg.append(...call.turns.flatMap((turn) => ribbon(turn, scale, top + LANE_HIGH, parts)));
  marks.forEach(({ mark, tMs, turn }, at) => {
    const x = place(scale, tMs);
    const label = labels[at];
    const since = turn.startMs === undefined ? "" : ` (${signed(tMs - turn.startMs)} ms after the speech)`;
    const group = drawing("g", {
      class: "mark",
      "data-mark": mark,
      "data-ms": tMs,
      "data-tip": `${mark}, turn ${turn.id}: ${seconds(tMs)}${since}`,
    });
    // The row of a label counts from the lanes upward, so that few labels stand near them.
    const base = label ? top - LABEL_GAP - label.row * LABEL_HIGH : top;
    group.append(drawing("line", { x1: x, x2: x, y1: label ? base - LABEL_HIGH + 3 : top - LABEL_GAP, y2: ruler }));
    if (label) {
      const isLeft = label.x < x - 1;
      const text = { x: isLeft ? x - 4 : x + 4, y: base - 4, "text-anchor": isLeft ? "end" : "start" };
      group.append(drawing("text", text, mark));
    }
    svg.append(group);
  });
  svg.append(drawing("line", { class: "playhead", y1: 0, y2: ruler, x1: -10, x2: -10 }));
  return svg;
}

/**
 * @param {SVGElement} svg
 * @param {Stretch} stretch
 * @param {number} width
 * @param {number} tMs
 */
export function movePlayhead(svg, stretch, width, tMs) {
  const x = String(place({ from: stretch.fromMs, to: stretch.toMs, width }, tMs));
  const line = svg.querySelector(".playhead");
  line?.setAttribute("x1", x);
  line?.setAttribute("x2", x);
}

/**
 * Where the time between the speech and its answer went, beside the sound itself.
 *
 * @param {import("./samples.js").Turn} turn
 * @param {import("./layout.js").Scale} scale
 * @param {number} y
 * @param {readonly Named[]} parts
 */
function ribbon(turn, scale, y, parts) {
  const { startMs } = turn;
  const made = stop(turn, scale, y);
  if (startMs === undefined || !isWhole(turn)) return made;
  const total = totalMs(turn) ?? 0;
  const [begin, end] = [startMs, startMs + total].map((tMs) => Math.min(Math.max(place(scale, tMs), 0), scale.width));
  if (end > begin) made.push(drawing("rect", { class: "wait", x: begin, width: end - begin, y: y - LANE_HIGH, height: 2 * LANE_HIGH + RIBBON_HIGH }));
  for (const bar of turn.bars) {
    const [from, to] = [startMs + bar.startMs, startMs + bar.startMs + bar.ms].map((tMs) =>
      Math.min(Math.max(place(scale, tMs), 0), scale.width),
    );
    if (to - from <= 0) continue;
    const part = named(parts, bar.part);
    const box = { x: from, width: to - from, y: y + 2, height: RIBBON_HIGH - 4 };
    const tip = `${part.title}: ${figure(bar.ms)} ms`;
    made.push(drawing("rect", { class: "stage", "data-part": bar.part, ...box, fill: part.colour, "data-tip": tip, "data-ms": startMs + bar.startMs }));
  }
  const text = milliseconds(total);
  if (end - begin > text.length * CHAR_WIDE + 12) {
    made.push(drawing("text", { class: "total", x: (begin + end) / 2, y: y - 6, "text-anchor": "middle" }, text));
  }
  return made;
}

/**
 * How long the reply went on while the user spoke over it.
 *
 * @param {import("./samples.js").Turn} turn
 * @param {import("./layout.js").Scale} scale
 * @param {number} y
 * @returns {SVGElement[]}
 */
function stop(turn, scale, y) {
  const at = new Map(turn.marks);
  const [spoke, silent] = [at.get("barge_in.speech_start"), at.get("barge_in.silence")];
  if (spoke === undefined || silent === undefined) return [];
  const [from, to] = [spoke, silent].map((tMs) => Math.min(Math.max(place(scale, tMs), 0), scale.width));
  if (to <= from) return [];
  const box = { x: from, width: to - from, y: y + 2, height: RIBBON_HIGH - 4 };
  const tip = `barge-in stop: ${milliseconds(silent - spoke)}`;
  return [drawing("rect", { class: "stage stop", "data-part": "barge_in_stop", ...box, "data-tip": tip, "data-ms": spoke })];
}

/** @param {number} tMs */
function instant(tMs) {
  return `${Number((tMs / 1000).toFixed(3))} s`;
}
