// What ran, how it ended, what was promised of it, and a line for each fixture.

import { ANSWERS } from "./comparison.js";
import { card, element } from "./element.js";
import { counted, figure, milliseconds } from "./figures.js";
import { medianTurn, summary, totalMs } from "./samples.js";
import { named, strip } from "./waterfalls.js";

/** @typedef {import("./samples.js").Content} Content */

const SIGNS = { met: ["✓", "good"], missed: ["✗", "bad"], unknown: ["–", "open"] };

/** @param {Content} content */
export function masthead(content) {
  const [run, before] = content.runs;
  const calls = run.fixtures.flatMap((fixture) => fixture.calls);
  const failures = calls.filter((call) => call.failures.length).length;
  const missed = run.budgets.filter((budget) => budget.sign === "missed").length;
  const why = [failures ? `${counted(failures, "call")} not as expected` : "", missed ? `${counted(missed, "budget")} missed` : ""].filter(Boolean);
  const made = run.facts.find(([title]) => title === "Made")?.[1];
  const told = [counted(run.fixtures.length, "fixture"), counted(calls.length, "call"), ...(made ? [made.replace("T", " ").replace("+00:00", " UTC")] : [])];
  const badges = [element("span", { class: "badge", "data-mood": run.failed ? "bad" : "good" }, run.failed ? `✗ ${why.join(", ") || "failed"}` : "✓ as expected")];
  if (content.comparison && before) {
    const [sign, mood] = ANSWERS[content.comparison.answer] ?? ["?", "open"];
    badges.push(element("span", { class: "badge", "data-mood": mood }, `${sign} ${content.comparison.answer} against ${before.name}`));
  }
  const links = [["overview", "Overview"], ...(before ? [["comparison", "Two runs"]] : []), ["calls", "Calls"], ["distributions", "Distributions"]];
  return [
    element("p", { class: "brand" }, "voicecli report"),
    element("h1", {}, content.title),
    element("p", { class: "note" }, told.join(" · ")),
    element("p", { class: "badges" }, ...badges),
    element("nav", { "aria-label": "Sections" }, ...links.map(([id, title]) => element("a", { href: `#${id}` }, title))),
  ];
}

/**
 * @param {Content} content
 * @param {(fixture: number) => void} open Shows a fixture's calls.
 */
export function overview(content, open) {
  const [run] = content.runs;
  const longest = Math.max(1, ...run.fixtures.flatMap((fixture) => middleTurns(content, fixture.name)).map((turn) => totalMs(turn) ?? 0));
  const rows = run.fixtures.map((fixture, at) => {
    const { calls, leftOut, failed, voiceToVoice, words, errorShare } = summary(fixture);
    const range = voiceToVoice && voiceToVoice.n > 1 ? `${figure(voiceToVoice.min)} to ${figure(voiceToVoice.max)}` : "";
    return element(
      "tr",
      {},
      element("th", { scope: "row" }, element("button", { type: "button", class: "part", click: () => open(at) }, fixture.name)),
      element("td", {}, element("span", { class: "chip", "data-mood": failed ? "bad" : "good" }, failed ? `✗ ${failed} failed` : "✓ good")),
      element("td", { class: "number" }, voiceToVoice ? milliseconds(voiceToVoice.p50) : "–", range ? element("small", {}, range) : null),
      element("td", { class: "number" }, voiceToVoice?.p95 ? milliseconds(voiceToVoice.p95) : "–", element("small", {}, `n=${voiceToVoice?.n ?? 0}`)),
      element("td", { class: "number" }, errorShare === null ? "–" : `${(errorShare * 100).toFixed(1)} %`, errorShare === null ? null : element("small", {}, `of ${words}`)),
      element("td", { class: "number" }, String(calls), leftOut ? element("small", {}, `${leftOut} unreliable`) : null),
      element("td", { class: "strips" }, ...middleTurns(content, fixture.name).map((turn) => strip(turn, content.parts, longest))),
    );
  });
  const titles = ["fixture", "result", "voice-to-voice", "p95", "word errors", "calls", "where the median turns went"];
  return card(
    "overview",
    "Overview",
    element(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": "Fixtures" },
      element(
        "table",
        { class: "fixtures" },
        element("thead", {}, element("tr", {}, ...titles.map((title, at) => element("th", { scope: "col", class: at > 1 && at < 6 ? "number" : undefined }, title)))),
        element("tbody", {}, ...rows),
      ),
    ),
    legend(content),
    ...budgets(content),
    ...facts(content),
  );
}

/**
 * The median turn of each utterance of a fixture.
 *
 * @param {Content} content
 * @param {string} fixture
 */
function middleTurns(content, fixture) {
  const [run] = content.runs;
  const turns = run.fixtures.filter((each) => each.name === fixture).flatMap((each) => each.calls.flatMap((call) => call.turns));
  return [...new Set(turns.map((turn) => turn.utterance))]
    .sort((one, other) => one - other)
    .flatMap((utterance) => medianTurn(run, fixture, utterance) ?? []);
}

/** @param {Content} content */
function legend(content) {
  const used = new Set(content.runs[0].fixtures.flatMap((fixture) => fixture.calls.flatMap((call) => call.turns.flatMap((turn) => turn.bars.filter((bar) => bar.ms > 1).map((bar) => bar.part)))));
  return element("ul", { class: "legend" }, ...content.parts.filter((part) => used.has(part.name)).map((part) => element("li", { "data-tip": part.meaning }, swatch(content, part.name), part.title)));
}

/**
 * @param {Content} content
 * @param {string} name
 */
function swatch(content, name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 10 10");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("fill", named(content.parts, name).colour ?? "currentcolor");
  const box = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  for (const [key, value] of Object.entries({ width: "10", height: "10", rx: "2" })) box.setAttribute(key, value);
  svg.append(box);
  return svg;
}

/** @param {Content} content */
function budgets(content) {
  const told = content.runs[0].budgets;
  if (told.length === 0) return [];
  return [
    element("h3", {}, "Budgets"),
    element(
      "ul",
      { class: "budgets" },
      ...told.map((budget) => {
        const [sign, mood] = SIGNS[budget.sign];
        const [asked, ...figures] = budget.sentence.split(": ");
        return element(
          "li",
          {},
          element("span", { class: "chip", "data-mood": mood }, `${sign} ${budget.sign}`),
          element("span", {}, element("code", {}, asked), `: ${figures.join(": ")}`, element("small", {}, ` ${budget.whose} · ${budget.place}`)),
        );
      }),
    ),
  ];
}

/** @param {Content} content */
function facts(content) {
  return [
    element("h3", {}, "What ran where"),
    ...content.runs.map((run) =>
      element(
        "dl",
        { class: "facts" },
        content.runs.length > 1 ? element("div", {}, element("dt", {}, "Run"), element("dd", {}, element("strong", {}, run.name))) : null,
        ...run.facts.map(([title, text]) => element("div", {}, element("dt", {}, title), element("dd", {}, text))),
      ),
    ),
  ];
}
