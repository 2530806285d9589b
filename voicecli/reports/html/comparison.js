// Two runs beside each other: the verdict on each turn, its interval, and the median turns' waterfalls on one axis.

import { card, drawing, element } from "./element.js";
import { counted, figure, signed } from "./figures.js";
import { place } from "./layout.js";
import { medianTurn } from "./samples.js";
import { besides, named } from "./waterfalls.js";

/** @typedef {import("./samples.js").Content} Content */
/** @typedef {import("./samples.js").Verdict} Verdict */
/** @typedef {import("./samples.js").Finding} Finding */

/** How an answer is signed and coloured. @type {Record<string, [string, string]>} */
export const ANSWERS = {
  regression: ["✗", "bad"],
  unreliable: ["?", "open"],
  "not enough runs": ["?", "open"],
  improvement: ["✓", "good"],
  "no change": ["✓", "good"],
};

/** @param {Content} content */
export function comparison(content) {
  const { comparison: told, runs } = content;
  if (runs.length < 2) return null;
  if (!told) {
    return card("comparison", "Two runs", element("p", { class: "problem" }, `Not compared with ${runs[1].name}: ${content.notCompared ?? ""}`));
  }
  const [sign, mood] = ANSWERS[told.answer] ?? ["?", "open"];
  const noise = told.exact ? "Both ran on a virtual clock, so each difference is exact." : "An interval that keeps clear of 0 is no chance.";
  return card(
    "comparison",
    `${runs[1].name} → ${runs[0].name}`,
    element("p", { class: "verdict", "data-mood": mood }, `${sign} ${told.answer}`),
    element("p", { class: "note" }, `What counts is a change of ${told.tolerance} or more. ${noise}`),
    ...told.forced.map((each) => element("p", { class: "problem" }, `FORCED: ${each}`)),
    ...told.verdicts.map((verdict) => judged(verdict, content)),
    told.notes.length
      ? element("details", {}, element("summary", {}, counted(told.notes.length, "other difference")), element("ul", {}, ...told.notes.map((note) => element("li", {}, note))))
      : null,
  );
}

/**
 * @param {Verdict} verdict
 * @param {Content} content
 */
function judged(verdict, content) {
  const [sign, mood] = ANSWERS[verdict.answer] ?? ["?", "open"];
  const span = content.spans.find((each) => each.name === verdict.latency)?.title ?? verdict.latency;
  const [before, after] = [content.runs[1], content.runs[0]].map((run) => medianTurn(run, verdict.fixture, verdict.utterance));
  const hint =
    verdict.answer === "unreliable"
      ? "The harness itself was late too often; close what keeps the machine busy, and repeat."
      : verdict.runsNeeded !== undefined
        ? `About ${verdict.runsNeeded} calls on each side would tell: --repeat ${verdict.runsNeeded}`
        : null;
  const falls = verdict.latency === "voice_to_voice" && before && after;
  return element(
    "article",
    { class: "judged" },
    element(
      "header",
      {},
      element("h3", {}, `${verdict.fixture}, utterance ${verdict.utterance + 1}, ${span}`),
      element("span", { class: "chip", "data-mood": mood }, `${sign} ${verdict.answer}`),
      element("span", { class: "note number" }, `n=${verdict.counts[0]} and ${verdict.counts[1]}`),
    ),
    element("div", { class: "findings" }, ...verdict.findings.map((finding) => shown(finding, content))),
    hint ? element("p", { class: "note" }, hint) : null,
    falls ? besides(before, after, content.parts, "The median turn of each run: before above (pale), after below") : null,
  );
}

/**
 * @param {Finding} finding
 * @param {Content} content
 */
function shown(finding, content) {
  const [, mood] = isChange(finding.answer) ? ANSWERS[finding.answer] : ["", undefined];
  const range = `${signed(finding.lowMs)} to ${signed(finding.highMs)} ms`;
  const stages = finding.stages.map(([part, ms]) => `${named(content.parts, part).title} ${signed(ms)}`);
  const told = [
    finding.level < 1 ? `${Number((finding.level * 100).toPrecision(4))} % interval ${range}` : "exact",
    ...(finding.percent !== 50 && finding.answer === "not enough runs" ? ["not told from chance"] : []),
    ...(stages.length ? [`of which ${stages.join(", ")}`] : []),
  ].join("; ");
  return element(
    "div",
    { class: "finding" },
    element(
      "p",
      {},
      element("span", { class: "note" }, `p${finding.percent} `),
      `${figure(finding.baselineMs)} → ${figure(finding.candidateMs)} ms `,
      element("strong", { "data-mood": mood }, `${signed(finding.differenceMs)} ms`),
    ),
    interval(finding, mood ?? "open"),
    element("p", { class: "note" }, told),
  );
}

/** @param {string} answer */
function isChange(answer) {
  return answer === "regression" || answer === "improvement";
}

/**
 * The difference and its interval around 0, with what a change must reach to count.
 *
 * @param {Finding} finding
 * @param {string} mood
 */
function interval(finding, mood) {
  const { lowMs, highMs, differenceMs, sizeMs } = finding;
  const reach = 1.15 * Math.max(Math.abs(lowMs), Math.abs(highMs), Math.abs(differenceMs), sizeMs);
  const scale = { from: -reach, to: reach, width: 400 };
  const x = (/** @type {number} */ ms) => place(scale, ms);
  const tick = (/** @type {number} */ ms, /** @type {string} */ text) =>
    drawing("text", { class: "tick", x: x(ms), y: 41, "text-anchor": "middle" }, text);
  const svg = drawing(
    "svg",
    { viewBox: "0 0 400 44", class: "interval", "data-mood": mood, "aria-hidden": "true" },
    drawing("rect", { class: "size", x: x(-sizeMs), width: x(sizeMs) - x(-sizeMs), y: 2, height: 24, "data-tip": `what counts: ${figure(sizeMs)} ms or more` }),
    drawing("line", { class: "base", x1: 0, x2: 400, y1: 14, y2: 14 }),
    drawing("line", { class: "zero", x1: 200, x2: 200, y1: 0, y2: 28 }),
  );
  if (finding.level < 1) svg.append(drawing("rect", { class: "range", x: x(lowMs), width: Math.max(2, x(highMs) - x(lowMs)), y: 10, height: 8, rx: 4 }));
  svg.append(drawing("circle", { class: "found", cx: x(differenceMs), cy: 14, r: 6 }), tick(0, "0"));
  if (x(sizeMs) > 240) svg.append(tick(sizeMs, signed(sizeMs)), tick(-sizeMs, signed(-sizeMs)));
  return svg;
}
