// Where the time of a turn went: parts along the critical path that sum to the whole, and what no part explains.
// The same parts and the same arithmetic as voicecli/figures/waterfall.py; tests/web/ui-waterfall.json holds both to it.

/**
 * A stage of the answer, as it is named, titled and coloured wherever a waterfall is drawn.
 *
 * @typedef {Object} Part
 * @property {string} name
 * @property {string} title
 * @property {string} colour `#rrggbb`, readable on black and on white.
 * @property {string} meaning
 */

/**
 * From one instant to another, in ms after the start of the waterfall. `speech_end` may end before it starts.
 *
 * @typedef {{startMs: number, endMs: number}} Extent
 */

/**
 * @typedef {Object} Bar
 * @property {Part} part
 * @property {Extent} critical What it adds to the whole.
 * @property {Extent | null} whole When its stage was at work, also beside others; null where that is nothing else.
 */

/**
 * @typedef {Object} Waterfall
 * @property {Bar[]} bars In the order of PARTS, those absent left out. No `unattributed` while the turn is not complete.
 * @property {number | null} totalMs Voice-to-voice; of a turnaround, how long the reply took. Null while it is not known.
 */

/** @typedef {Partial<Record<import("../voicewire/types.js").Mark, number>>} Marks Instants in ms, on one clock. */

/** @type {readonly Part[]} */
export const PARTS = Object.freeze(
  /** @type {[string, string, string, string][]} */ ([
    ["speech_end", "speech end", "#8a8f98", "what the VAD takes for the end of speech, against the truth"],
    ["endpointing", "endpointing", "#d19a2a", "silence waited for, to be sure that the user has finished"],
    ["stt", "STT", "#2f9e8f", "the final transcript, as far as the turn waited for it alone"],
    ["handover", "hand-over", "#8a8f98", "from the decision to the language model's request"],
    ["llm", "LLM first token", "#7c6fe0", "from the request to the first token"],
    ["clause", "first clause", "#b06fd6", "from the first token to text that can be spoken"],
    ["tts", "TTS first audio", "#d9578c", "from the first text to the first audio"],
    ["sending", "encode, send", "#d9703a", "from the first audio to the first frame sent"],
    ["network", "network", "#4f93d8", "from the first frame sent to the first frame received"],
    ["buffer", "client buffer", "#5f9a3f", "from the first frame received to the first sample played"],
    ["lead_in", "silent lead-in", "#8a8f98", "silence that the reply's audio itself begins with"],
    ["unattributed", "unattributed", "#e0474c", "what no stage explains"],
  ]).map(([name, title, colour, meaning]) => Object.freeze({ name, title, colour, meaning })),
);

/** A transcript that became final this shortly before the commit is what the commit had waited for. */
const COMMIT_MS = 5;

/** @param {string} name */
function part(name) {
  const found = PARTS.find((each) => each.name === name);
  if (!found) throw new RangeError(`no part is named ${name}`);
  return found;
}

/** Walks along the critical path: each part begins where the one before it ended, or leaves a gap. */
class Path {
  /** @param {number} zeroMs */
  constructor(zeroMs) {
    this.zeroMs = zeroMs;
    this.atMs = zeroMs;
    /** @type {Bar[]} */
    this.bars = [];
    /** @type {Extent[]} */
    this.gaps = [];
  }

  /**
   * A part whose end may lie before its start.
   *
   * @param {string} name
   * @param {number} endMs
   */
  jump(name, endMs) {
    this.bars.push({ part: part(name), critical: this.extent(this.atMs, endMs), whole: null });
    this.atMs = endMs;
  }

  /**
   * Nothing where one of its instants is missing; what ran beside earlier parts counts from where those ended.
   *
   * @param {string} name
   * @param {number | undefined} startMs
   * @param {number | undefined} endMs
   * @param {number} [wholeEndMs]
   */
  add(name, startMs, endMs, wholeEndMs) {
    if (startMs === undefined || endMs === undefined) return;
    const begin = Math.max(this.atMs, startMs);
    const finish = Math.max(begin, endMs);
    const whole = this.extent(startMs, Math.max(startMs, endMs, wholeEndMs ?? endMs));
    const critical = this.extent(begin, finish);
    const same = whole.startMs === critical.startMs && whole.endMs === critical.endMs;
    this.bars.push({ part: part(name), critical, whole: same ? null : whole });
    this.gaps.push(this.extent(this.atMs, begin));
    this.atMs = finish;
  }

  /**
   * All gaps together are one bar, which begins where the widest of them does; negative where parts reach beyond the end.
   *
   * @param {number} endMs
   */
  close(endMs) {
    this.gaps.push(this.extent(this.atMs, endMs));
    const widest = this.gaps.reduce((best, gap) => (length(gap) > length(best) ? gap : best));
    const total = this.gaps.reduce((sum, gap) => sum + length(gap), 0);
    const critical = { startMs: widest.startMs, endMs: widest.startMs + total };
    this.bars.push({ part: part("unattributed"), critical, whole: null });
  }

  /**
   * @param {number} startMs
   * @param {number} endMs
   * @returns {Extent}
   */
  extent(startMs, endMs) {
    return { startMs: startMs - this.zeroMs, endMs: endMs - this.zeroMs };
  }
}

/** @param {Extent} extent */
export function length(extent) {
  return extent.endMs - extent.startMs;
}

/**
 * The waterfall of a turn from the end of the user's speech to the first audible sample, or null where the end of speech
 * is not known. `marks` are all on the client's clock; `replyPlayMs` is when the reply's first sample was played;
 * `silenceMs` the silence that the server waits for, where it is known.
 *
 * @param {Marks} marks
 * @param {{replyPlayMs?: number | null, silenceMs?: number | null}} [known]
 * @returns {Waterfall | null}
 */
export function waterfall(marks, known = {}) {
  const speechEnd = marks["mic.speech_end"];
  return speechEnd === undefined ? null : fall(marks, speechEnd, marks["reply.first_audible"], known);
}

/**
 * What can be said of a turn whose end of speech only the server knows, or that was typed: from there, or from the
 * commit, to the first sound, or else to the first frame sent. Null where nothing is known yet.
 *
 * @param {Marks} marks
 * @param {{replyPlayMs?: number | null, silenceMs?: number | null}} [known]
 * @returns {Waterfall | null}
 */
export function turnaround(marks, known = {}) {
  const start = marks["audio.last_speech"] ?? marks["turn.committed"];
  const end = marks["reply.first_audible"] ?? marks["reply.first_frame_sent"];
  return start === undefined ? null : fall(marks, start, end, known);
}

/**
 * @param {Marks} marks
 * @param {number} startMs
 * @param {number | undefined} endMs
 * @param {{replyPlayMs?: number | null, silenceMs?: number | null}} known
 * @returns {Waterfall}
 */
function fall(marks, startMs, endMs, { replyPlayMs, silenceMs }) {
  const path = new Path(startMs);
  const played = replyPlayMs ?? undefined;
  addEndpointing(path, marks, silenceMs ?? undefined);
  path.add("llm", marks["llm.requested"], marks["llm.first_token"], marks["llm.done"]);
  path.add("clause", marks["llm.first_token"], marks["tts.requested"]);
  path.add("tts", marks["tts.requested"], marks["tts.first_audio"], marks["tts.done"]);
  path.add("sending", marks["tts.first_audio"], marks["reply.first_frame_sent"]);
  path.add("network", marks["reply.first_frame_sent"], marks["reply.first_frame_received"]);
  path.add("buffer", marks["reply.first_frame_received"], played);
  path.add("lead_in", played, marks["reply.first_audible"]);
  if (endMs === undefined) return { bars: path.bars, totalMs: null };
  path.close(endMs);
  return { bars: path.bars, totalMs: endMs - startMs };
}

/**
 * Silence and the final transcript are waited for side by side; the later one of them counts.
 *
 * @param {Path} path
 * @param {Marks} marks
 * @param {number | undefined} silence
 */
function addEndpointing(path, marks, silence) {
  const last = marks["audio.last_speech"];
  const closed = marks["vad.closed"];
  const final = marks["stt.final"];
  const committed = marks["turn.committed"];
  if (last !== undefined) path.jump("speech_end", last);
  if (committed === undefined) {
    path.add("endpointing", last, closed);
    path.add("stt", closed, final);
    return;
  }
  let waited = committed;
  if (closed !== undefined && final !== undefined) {
    if (last !== undefined && silence !== undefined) waited = Math.min(Math.max(last + silence, closed), committed);
    else if (committed - final <= COMMIT_MS) waited = closed;
    if (final <= waited) waited = committed;
  }
  path.add("endpointing", last, waited);
  path.add("stt", closed, final);
  path.add("handover", Math.max(waited, final ?? waited), marks["llm.requested"]);
}

/**
 * The stretch of time that all bars are drawn on, with round instants to mark on it.
 *
 * @param {Waterfall} drawn
 * @param {number} [most] Ticks that there is room for.
 * @returns {{startMs: number, endMs: number, ticks: number[]}}
 */
export function axis(drawn, most = 5) {
  const extents = drawn.bars.map((bar) => bar.critical);
  const startMs = Math.min(0, ...extents.flatMap((extent) => [extent.startMs, extent.endMs]));
  const endMs = drawn.totalMs === null ? Math.max(1, ...extents.map((extent) => extent.endMs)) : Math.max(1, drawn.totalMs);
  const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000];
  const step = steps.find((each) => (endMs - startMs) / each <= most) ?? 100_000;
  const ticks = [];
  for (let tick = 0; tick <= endMs; tick += step) ticks.push(tick);
  return { startMs, endMs, ticks };
}
