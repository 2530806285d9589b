// Replies on their way to the loudspeaker: decoded, dropped when cancelled, and their playhead reported.

import { nowMs } from "./clock.js";
import { OpusSpeechDecoder, PcmSpeechDecoder } from "./speech-decoder.js";

const RATE = 48_000;
/** When the browser does not know how long sound takes to the ear: between what was measured of several. */
const UNKNOWN_LATENCY_MS = 50;
const REMEMBERED_TURNS = 64;

/**
 * How far a reply was heard: `playing` while that moves on, `paused` while it stands still for the user, `ended` when no
 * more of it will be heard.
 *
 * @typedef {{turnId: number, playedMs: number, bufferedMs: number, playing: boolean, paused: boolean, ended: boolean}} Played
 *
 * @typedef {Object} DownlinkListener
 * @property {(playback: Played) => void} played
 * @property {(turnId: number, mark: import("../voicewire/types.js").Mark, tMs: number) => void} mark
 */

/**
 * One per session: turn ids begin anew with each. What it drops, it drops before decoding, after it, and in the audio
 * thread, in whatever order things arrive.
 */
export class Downlink {
  #port;
  #clock;
  #listener;
  #decoder;
  #rate;
  /** @type {Set<number>} */
  #cancelled = new Set();
  /** @type {Set<number>} replies of which something came */
  #begun = new Set();
  /** @type {Set<number>} barge-ins whose end is to be marked */
  #bargeIns = new Set();
  /** When the reply that is paused fell silent. @type {{turnId: number, heardMs: number} | null} */
  #held = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #endTimer;
  #latencyMs = UNKNOWN_LATENCY_MS;
  /**
   * The playhead was at `playedMs` (below `toldMs` while the first sound, or the first after a silence, is on its way),
   * and goes no further than `untilMs`. What was told never goes back.
   */
  #position = { turnId: 0, playedMs: 0, toldMs: 0, atMs: 0, untilMs: 0, bufferedMs: 0 };
  underruns = 0;
  leadMs = 0;

  /**
   * @param {MessagePort} port of the playback worklet
   * @param {import("../audio/context-clock.js").ContextClock} clock
   * @param {import("../voicewire/types.js").AudioFormat} format as agreed
   * @param {DownlinkListener} listener
   */
  constructor(port, clock, { codec, rate = RATE }, listener) {
    this.#port = port;
    this.#clock = clock;
    this.#listener = listener;
    this.#rate = rate;
    const decoded = {
      /** @type {import("./speech-decoder.js").DecodedListener["samples"]} */
      samples: (turnId, samples) => {
        if (!this.#cancelled.has(turnId)) this.#port.postMessage({ type: "audio", turnId, samples }, [samples.buffer]);
      },
      /** @param {number} turnId */
      ended: (turnId) => {
        if (!this.#cancelled.has(turnId)) this.#port.postMessage({ type: "end", turnId });
      },
    };
    this.#decoder = codec === "opus" ? new OpusSpeechDecoder(decoded) : new PcmSpeechDecoder(decoded);
    port.postMessage({ type: "reset" });
    port.onmessage = ({ data }) => this.#reported(data);
  }

  get bufferedMs() {
    return this.#position.bufferedMs;
  }

  get latencyMs() {
    return this.#latencyMs;
  }

  get failures() {
    return this.#decoder.failures;
  }

  /** From the audio graph to the ear; 0 when the browser does not know. @param {number} latencyMs */
  setLatency(latencyMs) {
    this.#latencyMs = latencyMs > 0 ? latencyMs : UNKNOWN_LATENCY_MS;
  }

  /** @param {import("../voicewire/frames.js").AudioFrame} frame */
  feed({ turnId, payload }) {
    if (this.#cancelled.has(turnId)) return;
    if (!this.#begun.has(turnId)) {
      remember(this.#begun, turnId);
      if (payload.length > 0) this.#listener.mark(turnId, "reply.first_frame_received", nowMs());
    }
    if (payload.length > 0) this.#decoder.feed(turnId, payload);
    else this.#decoder.end(turnId);
  }

  /**
   * Silence a reply, and whatever still arrives of it. Legal twice.
   *
   * @param {number} turnId
   * @param {{bargedInMs?: number}} [why] when the user began to speak over it, if that is why
   */
  cancel(turnId, { bargedInMs } = {}) {
    if (bargedInMs !== undefined) {
      this.#listener.mark(turnId, "barge_in.speech_start", bargedInMs);
      remember(this.#bargeIns, turnId);
      if (this.#held?.turnId === turnId) this.#listener.mark(turnId, "barge_in.silence", this.#held.heardMs);
    }
    if (this.#cancelled.has(turnId)) return;
    remember(this.#cancelled, turnId);
    this.#decoder.drop(turnId);
    this.#port.postMessage({ type: "flush", turnId });
    if (this.#position.turnId !== turnId) return;
    clearTimeout(this.#endTimer);
    const playedMs = this.playedMs(turnId);
    this.#tell({ turnId, playedMs, bufferedMs: 0, playing: false, paused: false, ended: true });
  }

  /**
   * Silence a reply and keep it: what is buffered, and what still arrives. One that is over stays as it is.
   *
   * @param {number} turnId
   */
  pause(turnId) {
    if (!this.#cancelled.has(turnId)) this.#port.postMessage({ type: "pause", turnId });
  }

  /** Go on with the next sample of a reply that is paused. @param {number} turnId */
  resume(turnId) {
    if (this.#cancelled.has(turnId)) return;
    this.#held = null;
    this.#port.postMessage({ type: "resume", turnId });
  }

  /** What the user has heard of a reply by now. @param {number} turnId */
  playedMs(turnId) {
    const { turnId: current, playedMs, toldMs, atMs, untilMs } = this.#position;
    return turnId === current ? Math.max(toldMs, Math.min(untilMs, playedMs + nowMs() - atMs)) : 0;
  }

  close() {
    clearTimeout(this.#endTimer);
    this.#decoder.close();
    this.#port.postMessage({ type: "reset" });
    this.#port.onmessage = null;
  }

  /** Samples of a reply, as pts counts them, in ms. @param {number} pts */
  ms(pts) {
    return (pts * 1000) / this.#rate;
  }

  /** @param {import("../audio/playback-worklet.js").PlaybackEvent} event */
  #reported(event) {
    this.#clock.observe(event.timeMs, nowMs());
    const heardMs = (this.#clock.clientMs(event.timeMs) ?? nowMs()) + this.#latencyMs;
    switch (event.type) {
      case "audible":
        this.#listener.mark(event.turnId, "reply.first_audible", heardMs);
        break;
      case "held":
        this.#held = { turnId: event.turnId, heardMs };
        break;
      case "silent":
        if (this.#bargeIns.has(event.turnId)) this.#listener.mark(event.turnId, "barge_in.silence", heardMs);
        break;
      case "report":
        this.#report(event);
        break;
    }
  }

  /** @param {import("../audio/playback-queue.js").PlaybackReport} report */
  #report({ turnId, playedSamples, idleSamples, bufferedSamples, playing, paused, ended, underruns, leadSamples }) {
    this.underruns = underruns;
    this.leadMs = (leadSamples * 1000) / RATE;
    if (turnId === 0 || this.#cancelled.has(turnId)) return;
    // What was given to the loudspeaker in the last moment is still on its way to the ear.
    const onTheWayMs = Math.max(0, this.#latencyMs - (idleSamples * 1000) / RATE);
    const givenMs = (playedSamples * 1000) / RATE;
    const bufferedMs = (bufferedSamples * 1000) / RATE;
    const told = { turnId, playedMs: givenMs - onTheWayMs, bufferedMs, playing, paused, ended: false };
    this.#tell(told, playing ? givenMs + bufferedMs : givenMs);
    clearTimeout(this.#endTimer);
    if (!ended && !paused) return;
    const settled = { ...told, playedMs: givenMs, bufferedMs: ended ? 0 : bufferedMs, ended };
    this.#endTimer = setTimeout(() => this.#tell(settled), onTheWayMs);
  }

  /**
   * @param {Played} played
   * @param {number} [untilMs] how far it goes without another report
   */
  #tell(played, untilMs = played.playedMs) {
    const { turnId, playedMs, bufferedMs } = played;
    const toldMs = Math.max(this.#position.turnId === turnId ? this.#position.toldMs : 0, playedMs);
    this.#position = { turnId, playedMs, toldMs, atMs: nowMs(), untilMs, bufferedMs };
    this.#listener.played({ ...played, playedMs: toldMs });
  }
}

/** @param {Set<number>} turns @param {number} turnId */
function remember(turns, turnId) {
  turns.add(turnId);
  if (turns.size > REMEMBERED_TURNS) turns.delete(turns.values().next().value ?? -1);
}
