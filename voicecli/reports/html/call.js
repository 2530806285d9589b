// One call to look at and to listen to: its sound with the marks on it, then turn by turn what was said and where the time went.

import { card, choice, element } from "./element.js";
import { counted, milliseconds, seconds, signed, size } from "./figures.js";
import { bytesOf, Player } from "./player.js";
import { callName, stretch, totalMs } from "./samples.js";
import { movePlayhead, timeline } from "./timeline.js";
import { waterfall } from "./waterfalls.js";

/** @typedef {import("./samples.js").Content} Content */
/** @typedef {import("./samples.js").Turn} Turn */

const STEP_MS = 500;
/** Rows for the names of marks, where the whole call is shown and where less is. */
const [FEW_ROWS, MANY_ROWS] = [4, 14];

export class CallView {
  /** @param {Content} content */
  constructor(content) {
    this.content = content;
    this.chosen = { run: 0, fixture: 0, call: 0 };
    this.view = { fromMs: 0, toMs: 1000 };
    /** @type {Uint8Array | null} */
    this.peaks = null;
    /** @type {SVGSVGElement | null} */
    this.svg = null;
    this.width = 0;
    this.player = new Player(() => this.told());
    this.choices = element("div", { class: "row choices" });
    this.body = element("div");
    this.wave = element("div", { class: "wave-box" });
    this.play = element("button", { type: "button", class: "filled", id: "play", click: () => this.player.toggle() }, "Play");
    this.time = element("span", { class: "number time", id: "time" });
    this.stretches = element("div", { class: "stretches", role: "group", "aria-label": "What is shown" });
    this.section = card("calls", "Calls", this.choices, this.body);
    this.listen();
    new ResizeObserver(() => this.draw()).observe(this.wave);
    const first = content.runs[0].fixtures.findIndex((fixture) => fixture.calls.some((call) => call.audio));
    this.open(0, Math.max(0, first), null);
  }

  get run() {
    return this.content.runs[this.chosen.run];
  }

  get call() {
    return this.run.fixtures[this.chosen.fixture].calls[this.chosen.call];
  }

  /**
   * @param {number} run
   * @param {number} fixture
   * @param {number | null} call Null is the typical one.
   * @param {number | null} [turn] To be shown alone.
   */
  open(run, fixture, call, turn = null) {
    const calls = this.content.runs[run].fixtures[fixture]?.calls ?? [];
    const typical = calls.findIndex((each) => each.typical);
    this.chosen = { run, fixture, call: call ?? Math.max(0, typical) };
    if (!this.call) return;
    const { audio } = this.call;
    this.peaks = audio ? bytesOf(audio.peaks) : null;
    this.player.load(audio?.id ?? null);
    this.showChoices();
    this.showBody();
    this.show(turn);
  }

  /** @param {number | null} turn */
  show(turn) {
    this.view = stretch(this.call, turn);
    this.stretches.querySelectorAll("button[data-turn]").forEach((button) => {
      button.setAttribute("aria-pressed", String(button.getAttribute("data-turn") === String(turn ?? "")));
    });
    this.draw();
  }

  /**
   * Hear the call from an instant on.
   *
   * @param {number} tMs
   */
  hear(tMs) {
    if (!this.call.audio) return;
    this.player.seek(tMs);
    this.player.play();
  }

  showChoices() {
    const { content, chosen, run } = this;
    const fixtures = run.fixtures.map((fixture, at) => /** @type {[string, string]} */ ([String(at), fixture.name]));
    const calls = run.fixtures[chosen.fixture].calls.map(
      (_, at) => /** @type {[string, string]} */ ([String(at), callName(run.fixtures[chosen.fixture], at)]),
    );
    const runs = content.runs.map((each, at) => /** @type {[string, string]} */ ([String(at), each.name]));
    this.choices.replaceChildren(
      ...(runs.length > 1 ? [choice("Run", runs, String(chosen.run), (at) => this.open(Number(at), 0, null))] : []),
      choice("Fixture", fixtures, String(chosen.fixture), (at) => this.open(chosen.run, Number(at), null)),
      choice("Call", calls, String(chosen.call), (at) => this.open(chosen.run, chosen.fixture, Number(at))),
    );
  }

  showBody() {
    const { call, run } = this;
    const views = [["", "Whole call"], ...call.turns.map((turn, at) => [String(at), `Turn ${turn.id}`])].map(([turn, title]) =>
      element(
        "button",
        { type: "button", class: "outlined", "data-turn": turn, click: () => this.show(turn === "" ? null : Number(turn)) },
        title,
      ),
    );
    const zooms = [["Zoom in", "+", 0.5], ["Zoom out", "−", 2]].map(([label, sign, by]) =>
      element("button", { type: "button", class: "outlined", "aria-label": label, click: () => this.zoom(Number(by)) }, String(sign)),
    );
    this.stretches.replaceChildren(...views, ...zooms);
    const { audio } = call;
    const without = run.audioNote.startsWith("No audio") ? run.audioNote : `No audio of this call: ${run.audioNote}`;
    const note = audio ? `${run.audioNote} This one: ${seconds(call.durationMs)}, ${size(audio.bytes)}.` : without;
    const problems = [...call.failures, ...(call.gaveUp ? [`given up: ${call.gaveUp}`] : [])];
    const trust = [`pace: ${call.pace}`, call.roundTripMs === undefined ? "clocks not compared" : `round trip ${milliseconds(call.roundTripMs)}`];
    this.body.replaceChildren(
      ...problems.map((problem) => element("p", { class: "problem" }, `✗ ${problem}`)),
      ...(call.reliable ? [] : [element("p", { class: "warning" }, "Unreliable: the harness itself was late, so this call counts in no statistics.")]),
      element("div", { class: "row transport" }, ...(audio ? [this.play, this.time] : []), this.stretches),
      this.wave,
      element("p", { class: "note", id: "audio-note" }, note),
      element("div", { class: "turns" }, ...call.turns.map((turn) => this.turn(turn))),
      ...(call.turns.length ? [] : [element("p", { class: "note" }, "No turn.")]),
      element("p", { class: "note" }, `${run.fixtures[this.chosen.fixture].formats} · ${trust.join(" · ")}`),
    );
    const attributes = audio
      ? { role: "slider", tabindex: "0", "aria-label": "Position in the call", "aria-valuemin": "0", "aria-valuemax": call.durationMs.toFixed(0) }
      : { role: "img", "aria-label": "The call's marks on a line of time" };
    for (const name of ["role", "tabindex", "aria-label", "aria-valuemin", "aria-valuemax", "aria-valuenow", "aria-valuetext"]) {
      const value = /** @type {Record<string, string>} */ (attributes)[name];
      if (value === undefined) this.wave.removeAttribute(name);
      else this.wave.setAttribute(name, value);
    }
    this.told();
  }

  /** @param {Turn} turn */
  turn(turn) {
    const { content, call } = this;
    const startMs = turn.startMs ?? turn.marks[0]?.[1] ?? 0;
    const fromMs = Math.max(0, startMs - 1500);
    const at = call.turns.indexOf(turn);
    const cut = turn.cancelled === "resumed" ? "taken back: the user had not finished" : `cut by ${turn.cancelled}`;
    const chips = [turn.cancelled ? cut : turn.outcome === "completed" ? undefined : turn.outcome];
    const total = totalMs(turn);
    const reply = [
      element("span", {}, turn.heard),
      ...(turn.unheard.trim() ? [element("span", { class: "visually-hidden" }, " Not heard: "), element("s", {}, turn.unheard)] : []),
    ];
    const wer = turn.wordErrors ? `${counted(turn.wordErrors[0], "word error")} of ${turn.wordErrors[1]}` : null;
    const sound = [
      turn.heardMs === undefined ? null : `${seconds(turn.heardMs)} heard`,
      turn.underruns ? counted(turn.underruns, "underrun") : null,
    ].filter((each) => each !== null);
    const spans = content.spans.filter((span) => span.name !== "voice_to_voice" && turn.latencies[span.name] !== undefined);
    return element(
      "article",
      { class: "turn", "aria-label": `Turn ${turn.id}` },
      element(
        "header",
        {},
        element("h3", {}, `Turn ${turn.id}`),
        total === undefined ? null : element("strong", { class: "number" }, milliseconds(total)),
        ...chips.filter((chip) => chip).map((chip) => element("span", { class: "chip" }, String(chip))),
        call.audio
          ? element(
              "button",
              { type: "button", class: "quiet", click: () => (this.show(at), this.hear(fromMs)) },
              `▶ Hear turn ${turn.id}`,
            )
          : null,
      ),
      element(
        "div",
        { class: "words" },
        element("p", { class: "said" }, turn.transcript ?? "no transcript", wer ? element("small", {}, wer) : null),
        turn.heard || turn.unheard
          ? element("p", { class: "answered" }, ...reply, sound.length ? element("small", {}, sound.join(", ")) : null)
          : element("p", { class: "answered none" }, "no answer"),
      ),
      turn.bars.length
        ? waterfall(turn, content.parts, (ms) => this.hear(startMs + ms))
        : element("p", { class: "note" }, "No waterfall: the end of the user's speech is not known."),
      element(
        "dl",
        { class: "latencies" },
        ...spans.map((span) =>
          element("div", { "data-tip": span.meaning }, element("dt", {}, span.title), element("dd", {}, milliseconds(turn.latencies[span.name]))),
        ),
      ),
      ...turn.notes.map((note) => element("p", { class: "warning" }, `! ${note}`)),
      turn.marks.length ? this.marks(turn) : null,
    );
  }

  /** @param {Turn} turn */
  marks(turn) {
    const { startMs } = turn;
    return element(
      "details",
      {},
      element("summary", {}, counted(turn.marks.length, "mark")),
      element(
        "table",
        { class: "marks" },
        element(
          "thead",
          {},
          element(
            "tr",
            {},
            element("th", { scope: "col" }, "mark"),
            element("th", { scope: "col", class: "number" }, "in the call"),
            element("th", { scope: "col", class: "number" }, "after the speech"),
          ),
        ),
        element(
          "tbody",
          {},
          ...turn.marks.map(([mark, tMs]) =>
            element(
              "tr",
              {},
              element("th", { scope: "row" }, this.call.audio ? element("button", { type: "button", class: "part", click: () => this.hear(tMs) }, mark) : mark),
              element("td", { class: "number" }, `${(tMs / 1000).toFixed(3)} s`),
              element("td", { class: "number" }, startMs === undefined ? "" : `${signed(tMs - startMs)} ms`),
            ),
          ),
        ),
      ),
    );
  }

  draw() {
    this.width = Math.floor(this.wave.clientWidth);
    if (this.width < 50) return;
    const { content, call, peaks, view } = this;
    const isAll = view.toMs - view.fromMs >= stretch(call, null).toMs;
    const rows = isAll ? FEW_ROWS : MANY_ROWS;
    this.svg = timeline(call, peaks, content.peakMs, view, this.width, content.parts, rows);
    this.wave.replaceChildren(this.svg);
    this.told();
  }

  /** @param {number} by */
  zoom(by) {
    const whole = stretch(this.call, null);
    const { atMs } = this.player;
    const inView = atMs > this.view.fromMs && atMs < this.view.toMs;
    const middle = inView ? atMs : (this.view.fromMs + this.view.toMs) / 2;
    const length = Math.min(whole.toMs, Math.max(50, (this.view.toMs - this.view.fromMs) * by));
    this.moveTo(middle - length / 2, length);
  }

  /**
   * @param {number} fromMs
   * @param {number} length
   */
  moveTo(fromMs, length) {
    const whole = stretch(this.call, null);
    const from = Math.min(Math.max(0, fromMs), whole.toMs - length);
    this.view = { fromMs: from, toMs: from + length };
    for (const button of this.stretches.querySelectorAll("[aria-pressed=true]")) button.setAttribute("aria-pressed", "false");
    this.draw();
  }

  listen() {
    this.wave.addEventListener("click", (event) => {
      if (!this.call.audio) return;
      const target = event.target instanceof Element ? event.target.closest("[data-ms]") : null;
      const box = this.wave.getBoundingClientRect();
      const share = (event.clientX - box.left) / box.width;
      const tMs = target ? Number(target.getAttribute("data-ms")) : this.view.fromMs + share * (this.view.toMs - this.view.fromMs);
      this.player.seek(tMs);
      if (target?.classList.contains("stage")) this.player.play();
    });
    this.wave.addEventListener("keydown", (event) => {
      if (!this.call.audio || event.altKey || event.ctrlKey || event.metaKey) return;
      const { atMs } = this.player;
      const step = event.shiftKey ? STEP_MS / 10 : STEP_MS;
      /** @type {Record<string, number>} */
      const targets = { ArrowLeft: atMs - step, ArrowDown: atMs - step, ArrowRight: atMs + step, ArrowUp: atMs + step, Home: 0, End: this.call.durationMs };
      if (event.key === " ") this.player.toggle();
      else if (event.key in targets) this.player.seek(Math.min(targets[event.key], this.call.durationMs));
      else return;
      event.preventDefault();
    });
  }

  /** Shows where the player is, and goes on while it plays. */
  told() {
    const { player, call } = this;
    if (!call) return;
    this.play.textContent = player.isPlaying ? "Pause" : "Play";
    this.play.dataset.playing = String(player.isPlaying);
    const { atMs } = player;
    this.time.textContent = player.problem || `${seconds(atMs)} of ${seconds(call.durationMs)}`;
    if (call.audio) {
      this.wave.setAttribute("aria-valuenow", atMs.toFixed(0));
      this.wave.setAttribute("aria-valuetext", `${seconds(atMs)} of ${seconds(call.durationMs)}`);
      const length = this.view.toMs - this.view.fromMs;
      const isOut = atMs < this.view.fromMs || atMs > this.view.toMs;
      if (isOut && player.isPlaying) this.moveTo(atMs, length);
      else if (this.svg) movePlayhead(this.svg, this.view, this.width, atMs);
    }
    if (player.isPlaying && !this.frame) {
      this.frame = requestAnimationFrame(() => {
        this.frame = 0;
        this.told();
      });
    }
  }
}
