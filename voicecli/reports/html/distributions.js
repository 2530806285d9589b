// How each latency and each part is spread over the turns: a dot for each, or columns where there are too many.

import { element, drawing, card, choice } from "./element.js";
import { counted, figure, milliseconds, statistics } from "./figures.js";
import { columns, domain, place, stacked, ticks } from "./layout.js";
import { ofPart, ofSpan, samples } from "./samples.js";

/** @typedef {import("./samples.js").Content} Content */
/** @typedef {import("./samples.js").Sample} Sample */
/** @typedef {import("./samples.js").Named} Named */

const SPREAD_WIDTH = 320;
const SIDE = 46;
const AXIS = 18;
const RADIUS = 3;
const MOST_DOTS = 400;
const ACCENT = "var(--accent)";

/**
 * @param {Content} content
 * @param {(sample: Sample) => void} open Shows the call of a dot.
 */
export function distributions(content, open) {
  const body = element("div");
  const names = [...new Set(content.runs.flatMap((run) => run.fixtures.map((fixture) => fixture.name)))];
  const show = (/** @type {string} */ chosen) => body.replaceChildren(...groups(content, chosen === "" ? null : chosen, open));
  show("");
  /** @type {[string, string][]} */
  const options = [["", "all fixtures"], ...names.map((name) => /** @type {[string, string]} */ ([name, name]))];
  const unreliable = content.runs[0].fixtures.flatMap((fixture) => fixture.calls).filter((call) => !call.reliable).length;
  return card(
    "distributions",
    "Distributions",
    element(
      "div",
      { class: "row" },
      element(
        "p",
        { class: "note" },
        content.runs.length > 1
          ? `Above each line the turns of ${content.runs[0].name}, below it, grey, those of ${content.runs[1].name}. `
          : "A dot is a turn. ",
        "The line is the median, the dashed one the p95, told of 20 turns or more. A dot leads to its call.",
        unreliable ? ` ${counted(unreliable, "unreliable call")} left out.` : "",
      ),
      names.length > 1 ? choice("Of", options, "", show) : null,
    ),
    body,
  );
}

/**
 * @param {Content} content
 * @param {string | null} fixture
 * @param {(sample: Sample) => void} open
 */
function groups(content, fixture, open) {
  const made = [];
  /** @type {[string, Named[], (name: string) => (turn: import("./samples.js").Turn) => number | undefined][]} */
  const kinds = [
    ["Latencies", content.spans, ofSpan],
    ["Parts of voice-to-voice", content.parts, ofPart],
  ];
  for (const [title, named, measure] of kinds) {
    const figures = [];
    const nothing = [];
    for (const each of named) {
      const sides = content.runs.map((_, run) => samples(content.runs, run, fixture, measure(each.name)));
      const values = sides.flat();
      if (values.length === 0) continue;
      if (values.every(({ ms }) => Math.abs(ms) < 0.05)) nothing.push(each.title);
      else figures.push(spread(each, sides, content, open));
    }
    if (figures.length === 0 && nothing.length === 0) continue;
    made.push(element("h3", {}, title), element("div", { class: "spreads" }, ...figures));
    if (nothing.length) made.push(element("p", { class: "note" }, `Always 0 ms: ${nothing.join(", ")}.`));
  }
  return made.length ? made : [element("p", { class: "note" }, "No turn of a reliable call has a latency.")];
}

/**
 * @param {Named} named
 * @param {Sample[][]} sides Of the run, and of the baseline where there is one.
 * @param {Content} content
 * @param {(sample: Sample) => void} open
 */
function spread(named, sides, content, open) {
  const { from, to } = domain(sides.flat().map(({ ms }) => ms));
  const scale = { from, to, width: SPREAD_WIDTH };
  const height = SIDE * sides.length + AXIS;
  const told = sides.map((side) => statistics(side.map(({ ms }) => ms)));
  const sentence = told
    .map((each, at) => {
      const whose = sides.length > 1 ? `${content.runs[at].name}: ` : "";
      if (!each) return `${whose}not measured`;
      const p95 = each.p95 === null ? "" : `, p95 ${figure(each.p95)}`;
      return `${whose}median ${figure(each.p50)}${p95}, ${figure(each.min)} to ${figure(each.max)} ms, n=${each.n}`;
    })
    .join("; ");
  const svg = drawing("svg", { viewBox: `0 0 ${SPREAD_WIDTH} ${height}`, role: "img", "aria-label": `${named.title}: ${sentence}` });
  const base = SIDE;
  const axis = sides.length > 1 ? height - AXIS : SIDE;
  for (const tick of ticks(from, to, 4)) {
    const x = place(scale, tick);
    if (x < 8 || x > SPREAD_WIDTH - 8) continue;
    svg.append(
      drawing("line", { class: "grid", x1: x, x2: x, y1: 0, y2: axis }),
      drawing("text", { class: "tick", x, y: height - 4, "text-anchor": "middle" }, String(tick)),
    );
  }
  svg.append(drawing("line", { class: "base", x1: 0, x2: SPREAD_WIDTH, y1: base, y2: base }));
  sides.forEach((side, at) => {
    const fill = at > 0 ? "var(--before)" : (named.colour ?? ACCENT);
    const way = at > 0 ? 1 : -1;
    const dots = drawing("g", { class: at > 0 ? "before" : "after" }, ...values(side, scale, fill, base, way, content, open));
    const each = told[at];
    if (!each) return;
    const tip = `median ${milliseconds(each.p50)}`;
    svg.append(drawing("line", { class: "median", ...upright(place(scale, each.p50), base, way * (SIDE - 2)), "data-tip": tip }));
    if (each.p95 !== null) {
      const line = upright(place(scale, each.p95), base, way * SIDE * 0.55);
      svg.append(drawing("line", { class: "p95", ...line, "data-tip": `p95 ${milliseconds(each.p95)}` }));
    }
    svg.append(dots);
  });
  const [now, was] = told;
  const before = was ? `before ${milliseconds(was.p50)} · ` : "";
  return element(
    "figure",
    { class: "spread", "data-name": named.name },
    element(
      "figcaption",
      { "data-tip": named.meaning },
      element("strong", {}, named.title),
      element("span", { class: "number" }, now ? milliseconds(now.p50) : "–"),
      element("small", {}, now ? `${before}${now.p95 === null ? "" : `p95 ${milliseconds(now.p95)} · `}n=${now.n}` : "not measured"),
    ),
    svg,
  );
}

/**
 * @param {number} x
 * @param {number} from
 * @param {number} by
 */
function upright(x, from, by) {
  return { x1: x, x2: x, y1: from, y2: from + by };
}

/**
 * @param {Sample[]} side
 * @param {import("./layout.js").Scale} scale
 * @param {string} fill
 * @param {number} base
 * @param {number} way -1 stands on the line, 1 hangs from it.
 * @param {Content} content
 * @param {(sample: Sample) => void} open
 */
function values(side, scale, fill, base, way, content, open) {
  if (side.length > MOST_DOTS) {
    const made = columns(side.map(({ ms }) => ms), scale, 64);
    const most = Math.max(...made.map(({ count }) => count));
    return made
      .filter(({ count }) => count > 0)
      .map(({ from, to, count }) => {
        const high = (count / most) * (SIDE - 4);
        const box = { x: place(scale, from), width: SPREAD_WIDTH / 64 - 0.5, y: way < 0 ? base - high : base, height: high };
        return drawing("rect", { ...box, fill, "data-tip": `${figure(from)} to ${figure(to)} ms: ${counted(count, "turn")}` });
      });
  }
  const sorted = [...side].sort((one, other) => one.ms - other.ms);
  const dots = stacked(sorted.map(({ ms }) => ms), scale, RADIUS, SIDE - 4);
  return sorted.map((sample, at) => {
    const fixture = content.runs[sample.run].fixtures[sample.fixture];
    const call = fixture.calls.length > 1 ? `, call ${sample.call + 1}` : "";
    const turn = fixture.calls[sample.call].turns[sample.turn];
    const tip = `${milliseconds(sample.ms)} · ${fixture.name}${call}, turn ${turn.id}`;
    const { x, y } = dots[at];
    return drawing("circle", { cx: x, cy: base + way * y, r: RADIUS, fill, "data-tip": tip, click: () => open(sample) });
  });
}
