// The developer's panel. It is drawn only while it is open.

import { byId, element, mark, write } from "./element.js";
import { audioFormat, bytes, count, milliseconds, stopwatch } from "./figures.js";
import { KINDS, MOST_OF_A_KIND, filtered } from "./log.js";
import { summary, turnKind, turnName } from "./summary.js";
import { turnWaterfall } from "./turn-timing.js";
import { begunEarly } from "./turns.js";
import { line, table, trace } from "./waterfall-chart.js";

/** @typedef {import("./log.js").Kind} Kind */
/** @typedef {import("./state.js").ViewState} ViewState */
/** @typedef {import("./turns.js").Turn} Turn */

const SHOWN_TURNS = 8;
const SHOWN_ENTRIES = 200;
const TRACE_LENGTH = 120;

/** @type {Record<import("./turn-timing.js").From, [start: string, whole: string]>} */
const COUNTED = {
  speech: ["the end of speech", "voice-to-voice"],
  release: ["the release of the button", "release-to-voice"],
  server: ["the end of speech as the server dates it", "turnaround"],
  commit: ["the commit", "turnaround"],
};

export class Panel {
  /** @param {{kinds: Kind[], kindsChosen: (kinds: Kind[]) => void}} options */
  constructor({ kinds, kindsChosen }) {
    this.root = byId("panel", HTMLElement);
    this.median = byId("median", HTMLElement);
    this.medianNote = byId("median-note", HTMLElement);
    this.turnList = byId("turn-list", HTMLOListElement);
    this.waterfall = byId("waterfall", HTMLElement);
    this.figures = byId("figures", HTMLElement);
    this.traces = byId("traces", HTMLElement);
    this.log = byId("log", HTMLElement);
    this.logRows = byId("log-rows", HTMLElement);
    this.logNote = byId("log-note", HTMLElement);
    this.logText = byId("log-text", HTMLInputElement);
    this.kinds = kinds;
    /** @type {string | null} Null: always the latest one. */
    this.selected = null;
    /** @type {string | null} */
    this.latest = null;
    /** @type {ViewState | null} */
    this.state = null;
    /** @type {unknown[]} What the parts were last drawn from. */
    this.drawnFrom = [];
    this.addFilter(kindsChosen);
  }

  /** @param {(kinds: Kind[]) => void} chosen */
  addFilter(chosen) {
    const boxes = KINDS.map(({ kind, title }) => {
      const box = element("input", { type: "checkbox", value: kind });
      box.checked = this.kinds.includes(kind);
      box.addEventListener("change", () => {
        this.kinds = KINDS.map((each) => each.kind).filter((each) => (each === kind ? box.checked : this.kinds.includes(each)));
        chosen(this.kinds);
        this.redraw();
      });
      return element("label", { class: "chip" }, box, element("span", {}, title));
    });
    byId("log-kinds", HTMLFieldSetElement).append(...boxes);
    this.logText.addEventListener("input", () => this.redraw());
  }

  redraw() {
    this.drawnFrom = [];
    if (this.state) this.draw(this.state);
  }

  /** @param {ViewState} state */
  draw(state) {
    this.state = state;
    if (this.root.hidden) return;
    const [turns, selected, stats, ready, log] = this.drawnFrom;
    if (turns !== state.turns || selected !== this.selected) this.drawTurns(state);
    if (stats !== state.stats || ready !== state.ready) this.drawFigures(state);
    if (log !== state.log) this.drawLog(state);
    this.drawnFrom = [state.turns, this.selected, state.stats, state.ready, state.log];
  }

  /** @param {ViewState} state */
  drawTurns({ turns }) {
    const { medianMs, note } = summary(turns);
    write(this.median, milliseconds(medianMs));
    write(this.medianNote, note);
    const timed = turns.flatMap((turn) => {
      const fall = turnWaterfall(turn);
      return fall ? [{ turn, ...fall }] : [];
    });
    const shown = timed.slice(-SHOWN_TURNS);
    this.latest = shown.at(-1)?.turn.key ?? null;
    const chosen = shown.find(({ turn }) => turn.key === this.selected) ?? shown.at(-1);
    const longestMs = Math.max(1, ...shown.map(({ drawn }) => Math.max(drawn.totalMs ?? 0, ...drawn.bars.map((bar) => bar.critical.endMs))));
    this.drawTurnList(shown, chosen?.turn ?? null, longestMs);
    if (!chosen) {
      this.waterfall.replaceChildren(element("p", { class: "note" }, "The waterfall of a turn appears here as it happens."));
      return;
    }
    const { turn, drawn, from } = chosen;
    const [start, whole] = COUNTED[from];
    const drawing = table(drawn, `Turn ${turnName(turn)}, ms from ${start}`, whole);
    const early = begunEarly(turn);
    this.waterfall.replaceChildren(drawing, ...(early ? [element("p", { class: "note" }, early)] : []));
  }

  /**
   * Buttons stay as long as their turn is shown, so that they can be pressed and keep the focus.
   *
   * @param {{turn: Turn, drawn: import("./waterfall.js").Waterfall, from: import("./turn-timing.js").From}[]} shown
   * @param {Turn | null} chosen
   * @param {number} longestMs
   */
  drawTurnList(shown, chosen, longestMs) {
    const buttons = /** @type {NodeListOf<HTMLButtonElement>} */ (this.turnList.querySelectorAll("button"));
    const byKey = new Map([...buttons].map((button) => [button.dataset.key ?? "", button]));
    for (const { turn, drawn, from } of shown) {
      const button = byKey.get(turn.key) ?? this.addTurn(turn.key);
      byKey.delete(turn.key);
      mark(button, "aria-pressed", String(turn === chosen));
      button.replaceChildren(
        element("span", {}, element("span", { class: "visually-hidden" }, "Turn "), turnName(turn)),
        line(drawn, longestMs),
        element("span", { class: "kind" }, turnKind(turn, from)),
        element("span", { class: "number" }, milliseconds(drawn.totalMs)),
      );
    }
    for (const gone of byKey.values()) gone.parentElement?.remove();
  }

  /** @param {string} key */
  addTurn(key) {
    const button = element("button", { type: "button", "data-key": key });
    button.addEventListener("click", () => {
      this.selected = key === this.latest ? null : key;
      this.redraw();
    });
    this.turnList.append(element("li", {}, button));
    return button;
  }

  /** @param {ViewState} state */
  drawFigures({ stats, ready, history }) {
    const engines = ready?.engines;
    /** @type {[string, string][]} */
    const rows = [
      ["Route in use", [stats?.route, stats?.thread].filter(Boolean).join(", ") || "–"],
      ["Format up", audioFormat(stats?.input ?? ready?.input)],
      ["Format down", audioFormat(stats?.output ?? ready?.output)],
      ["Engines", engines ? [engines.vad, engines.stt, engines.llm, engines.tts].map((each) => each.name).join(" · ") : "–"],
      ["Round trip", milliseconds(stats?.rttMs)],
      ["Audio unacknowledged", milliseconds(stats?.uplinkMs)],
      ["Audio not sent yet", milliseconds(stats?.queuedMs)],
      ["Socket buffer", bytes(stats?.bufferedAmount)],
      ["Audio shed", milliseconds(stats?.shedMs)],
      ["Answer buffered", milliseconds(stats?.downBufferedMs)],
      ["Lead", milliseconds(stats?.leadMs)],
      ["Output latency", milliseconds(stats?.outputLatencyMs)],
      ["Underruns", count(stats?.underruns)],
      ["Audio sent", bytes(stats?.sentBytes)],
    ];
    if (this.figures.childElementCount !== rows.length) {
      this.figures.replaceChildren(...rows.map(([name]) => element("div", {}, element("dt", {}, name), element("dd"))));
    }
    rows.forEach(([, value], at) => write(/** @type {Element} */ (this.figures.children[at].lastElementChild), value));
    this.traces.replaceChildren(
      traced("Audio up, unacknowledged", history.map((each) => each.uplinkMs)),
      traced("Answer buffered", history.map((each) => each.downBufferedMs)),
    );
  }

  /** @param {ViewState} state */
  drawLog({ log }) {
    const found = filtered(log, { kinds: this.kinds, text: this.logText.value });
    const shown = found.slice(-SHOWN_ENTRIES);
    const following = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 40;
    // A row stays the same one as long as it is shown, so that its text can be selected.
    const ids = new Set(shown.map(({ id }) => String(id)));
    const keep = this.drawnFrom.length > 0;
    for (const each of [...this.logRows.children]) if (!keep || !ids.has(each.getAttribute("data-id") ?? "")) each.remove();
    const last = Number(this.logRows.lastElementChild?.getAttribute("data-id") ?? 0);
    this.logRows.append(...shown.filter((entry) => entry.id > last).map(row));
    write(this.logNote, `${found.length} of ${log.length} events; of each kind the last ${MOST_OF_A_KIND} are kept.`);
    if (following) this.log.scrollTop = this.log.scrollHeight;
  }

  /** @param {boolean} open */
  show(open) {
    this.root.hidden = !open;
    mark(document.body, "data-panel", open ? "open" : "closed");
    this.redraw();
  }
}

/** @param {import("./log.js").Entry} entry */
function row({ id, atMs, kind, name, turnId, text }) {
  return element(
    "tr",
    { "data-id": String(id), "data-kind": kind },
    element("td", { class: "number" }, stopwatch(atMs)),
    element("td", { class: "number" }, turnId === null ? "" : String(turnId)),
    element("td", {}, element("strong", {}, name), " ", element("span", {}, text)),
  );
}

/**
 * @param {string} title
 * @param {readonly (number | null | undefined)[]} values
 */
function traced(title, values) {
  return element("figure", {}, element("figcaption", {}, `${title}, last 30 s`), trace(values, TRACE_LENGTH));
}
