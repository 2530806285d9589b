// The session between the page and the server: in a Worker, where a busy page does not hold it up, or in the page.

import { ContextClock } from "../audio/context-clock.js";
import { TalkGate } from "../audio/talk-gate.js";
import { Uplink } from "../voicewire/uplink.js";
import { nowMs } from "./clock.js";
import { Downlink } from "./downlink.js";
import { Problem } from "./problem.js";
import { Recording } from "./recording.js";
import { OpusUplinkEncoder, PcmUplinkEncoder } from "./uplink-encoder.js";
import { Wire } from "./wire.js";

const RATE = 48_000;
const TICK_MS = 50;
const STATS_TICKS = 5;
const MAX_PENDING_TEXTS = 8;
/** An end of speech that waits for audio which does not come (the microphone is gone) is told anyway. */
const END_TIMEOUT_MS = 500;
/** A recorder has more of the last sound in it than the raw routes have. */
const RECORDER_TAIL_MS = 200;
/** How far the client's and the server's idea of an end of speech may be apart to be the same one. */
const SAME_EDGE_MS = 350;

/**
 * @typedef {Object} OpenCommand
 * @property {"open"} type
 * @property {string} url
 * @property {import("../voicewire/types.js").AudioFormat} input format of the route
 * @property {import("../audio/talk-gate.js").TalkMode} mode
 * @property {{silenceMs?: number, bargeInMs?: number}} gate
 * @property {boolean} muted
 * @property {string | null} resumeToken of a conversation to go on with
 * @property {MessagePort} capture
 * @property {MessagePort} playback
 *
 * @typedef {OpenCommand
 *   | {type: "start", message?: import("../voicewire/types.js").SessionStart, error?: string}
 *   | {type: "restart", input: import("../voicewire/types.js").AudioFormat, mode: import("../audio/talk-gate.js").TalkMode}
 *   | {type: "mode", mode: import("../audio/talk-gate.js").TalkMode}
 *   | {type: "mute", muted: boolean} | {type: "press"} | {type: "release"} | {type: "interrupt"}
 *   | {type: "text", text: string}
 *   | {type: "piece", bytes: Uint8Array<ArrayBuffer>, durationMs: number, ends: boolean}
 *   | {type: "latency", outputMs: number, inputMs: number}
 *   | {type: "retry"} | {type: "close"} | {type: "recording", userAgent: string}} LinkCommand
 *
 * @typedef {{type: "ask_start"}
 *   | {type: "phase", phase: "connecting" | "ready" | "reconnecting"}
 *   | {type: "closed", problem: ReturnType<Problem["toJSON"]>}
 *   | {type: "message", message: import("../voicewire/types.js").Down}
 *   | {type: "sent", message: import("../voicewire/types.js").Up}
 *   | {type: "problem", problem: ReturnType<Problem["toJSON"]>}
 *   | {type: "retrying", attempt: number, delayMs: number}
 *   | ({type: "played"} & import("./downlink.js").Played)
 *   | {type: "mark", turnId: number, mark: import("../voicewire/types.js").Mark, tMs: number}
 *   | {type: "recorder", action: "start" | "pause" | "resume" | "cut" | "stop"}
 *   | {type: "encoder_failed", detail: string}
 *   | {type: "stats", stats: object}
 *   | {type: "recording", lines: string[]}} LinkEvent
 */

/** @typedef {{postMessage: (event: LinkEvent) => void, onmessage: ((event: MessageEvent) => void) | null}} LinkPort */

/** Speaks LinkCommand and LinkEvent over a port, so that it does not matter which thread it lives in. */
export class Link {
  #port;
  /** @type {Wire | null} */
  #wire = null;
  /** @type {import("../voicewire/types.js").AudioFormat} */
  #input = { codec: "opus", rate: RATE };
  #uplink = new Uplink(this.#input);
  /** @type {import("./uplink-encoder.js").UplinkEncoder | null} */
  #encoder = null;
  /** @type {Downlink | null} */
  #downlink = null;
  #gate = new TalkGate();
  #clock = new ContextClock();
  #recording = new Recording(nowMs());
  /** @type {MessagePort | null} */
  #capture = null;
  /** @type {MessagePort | null} */
  #playback = null;
  /** @type {{resolve: (start: import("../voicewire/types.js").SessionStart) => void, reject: (error: Error) => void} | null} */
  #asked = null;
  /** @type {string[]} typed while there was no session; the oldest is dropped past eight */
  #texts = [];
  /** Captured so far, in samples; and when sample 0 was, on the context's clock. */
  #captured = 0;
  /** @type {number | null} */
  #captureOriginMs = null;
  /** Where the client's VAD last heard speech begin, and speech at all. */
  #speechBegan = 0;
  #lastSpeech = 0;
  #latency = { outputMs: 0, inputMs: 0 };
  /** The turn that is being answered, or 0. */
  #replying = 0;
  /** @type {Set<number>} turns that have not ended */
  #openTurns = new Set();
  /** @type {number | null} since when a recorder has been paused to make room */
  #pausedMs = null;
  #pieces = 0;
  #ticks = 0;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;

  /** @param {LinkPort} port */
  constructor(port) {
    this.#port = port;
    port.onmessage = ({ data }) => this.#obey(data);
  }

  /** @param {LinkCommand} command */
  #obey(command) {
    switch (command.type) {
      case "open":
        this.#open(command);
        break;
      case "start":
        if (command.message) this.#asked?.resolve(command.message);
        else this.#asked?.reject(new Error(command.error));
        this.#asked = null;
        break;
      case "restart":
        this.#input = command.input;
        this.#gate.setMode(command.mode, this.#captured);
        this.#wire?.restart();
        this.#renewUplink();
        break;
      case "mode":
        this.#perform(this.#gate.setMode(command.mode, this.#captured));
        break;
      case "mute":
        this.#perform(this.#gate.setMuted(command.muted, this.#captured));
        break;
      case "press":
        this.#perform(this.#gate.press());
        break;
      case "release":
        this.#perform(this.#gate.release(this.#captured));
        break;
      case "interrupt":
        this.#interrupt();
        break;
      case "text":
        this.#text(command.text);
        break;
      case "piece":
        this.#piece(command);
        break;
      case "latency":
        this.#latency = command;
        this.#downlink?.setLatency(command.outputMs);
        break;
      case "retry":
        this.#wire?.retryNow();
        break;
      case "recording":
        this.#port.postMessage({ type: "recording", lines: this.#recording.lines(command.userAgent) });
        break;
      case "close":
        this.#wire?.close();
        break;
    }
  }

  /** @param {OpenCommand} command */
  #open(command) {
    this.#input = command.input;
    this.#gate = new TalkGate(command.gate);
    this.#gate.setMode(command.mode, 0);
    this.#gate.setMuted(command.muted, 0);
    this.#capture = command.capture;
    this.#playback = command.playback;
    this.#capture.onmessage = ({ data }) => this.#heard(data);
    this.#renewUplink();
    this.#wire = new Wire(command.url, {
      askStart: () =>
        new Promise((resolve, reject) => {
          this.#asked = { resolve, reject };
          this.#port.postMessage({ type: "ask_start" });
        }),
      ready: (ready) => this.#ready(ready),
      lost: (phase, problem) => this.#lost(phase, problem),
      retrying: (attempt, delayMs) => this.#port.postMessage({ type: "retrying", attempt, delayMs }),
      message: (message) => this.#received(message),
      frame: (frame, bytes) => this.#frame(frame, bytes),
      sent: (message) => {
        this.#recording.add(nowMs(), "up", { message });
        if (message.type !== "clock" && message.type !== "playback") this.#port.postMessage({ type: "sent", message });
      },
    }, command.resumeToken);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#port.postMessage({ type: "phase", phase: "connecting" });
    this.#wire.connect();
  }

  // --- the connection

  /** @param {import("../voicewire/types.js").SessionReady} ready */
  #ready(ready) {
    this.#openTurns.clear();
    this.#replying = 0;
    this.#downlink?.close();
    this.#downlink = new Downlink(/** @type {MessagePort} */ (this.#playback), this.#clock, ready.output, {
      played: (played) => this.#played(played),
      mark: (turnId, mark, tMs) => this.#mark(turnId, mark, tMs),
    });
    this.#downlink.setLatency(this.#latency.outputMs);
    this.#uplink.begin();
    if (this.#uplink.isContainer) {
      this.#port.postMessage({ type: "recorder", action: "start" });
      if (!this.#isRecorded) this.#port.postMessage({ type: "recorder", action: "pause" });
    }
    this.#port.postMessage({ type: "phase", phase: "ready" });
    for (const text of this.#texts.splice(0)) this.#wire?.send({ type: "text_input", text });
    this.#pump();
  }

  /**
   * @param {"connecting" | "reconnecting" | "closed"} phase
   * @param {Problem | null} problem why it is closed; null where the page has asked for it
   */
  #lost(phase, problem) {
    const wasReady = this.#downlink !== null;
    // Nothing of the session before is heard or said again: its turn ids mean other turns in the next.
    this.#downlink?.close();
    this.#downlink = null;
    this.#port.postMessage({ type: "recorder", action: "stop" });
    if (phase === "closed") {
      clearInterval(this.#timer);
      this.#encoder?.close();
      if (this.#capture) this.#capture.onmessage = null;
    } else if (wasReady) {
      this.#renewUplink();
    }
    if (phase !== "closed") this.#port.postMessage({ type: "phase", phase });
    else if (problem) this.#port.postMessage({ type: "closed", problem: problem.toJSON() });
  }

  #renewUplink() {
    this.#uplink = new Uplink(this.#input);
    this.#pausedMs = null;
    if (!this.#gate.isOpen && !this.#uplink.isContainer) this.#uplink.silence();
    this.#encoder?.close();
    this.#encoder = null;
    /** @param {import("../voicewire/uplink.js").Packet} packet */
    const onPacket = (packet) => {
      this.#uplink.feed(packet);
      this.#pump();
    };
    if (this.#input.codec === "opus") {
      this.#encoder = new OpusUplinkEncoder(onPacket, (detail) => this.#port.postMessage({ type: "encoder_failed", detail }));
    } else if (this.#input.codec === "pcm_s16le") {
      this.#encoder = new PcmUplinkEncoder(onPacket);
    }
  }

  #tick() {
    this.#wire?.setBusy(this.#openTurns.size > 0);
    this.#wire?.tick();
    this.#pump();
    if (++this.#ticks % STATS_TICKS === 0) this.#stats();
  }

  #stats() {
    const { offsetMs, roundTripMs } = this.#wire?.clock ?? { offsetMs: null, roundTripMs: null };
    const uplink = this.#uplink;
    const stats = {
      rttMs: roundTripMs,
      offsetMs,
      uplinkMs: uplink.flightMs,
      queuedMs: uplink.queuedMs,
      bufferedAmount: this.#wire?.bufferedAmount ?? 0,
      shedMs: uplink.shedMs,
      slowNetwork: uplink.slowNetwork,
      sentBytes: uplink.sentBytes,
      sentFrames: uplink.sentFrames,
      downBufferedMs: this.#downlink?.bufferedMs ?? 0,
      underruns: this.#downlink?.underruns ?? 0,
      leadMs: this.#downlink?.leadMs ?? 0,
      decoderFailures: this.#downlink?.failures ?? 0,
    };
    this.#port.postMessage({ type: "stats", stats });
  }

  // --- up

  /** @param {import("../audio/capture-worklet.js").CapturedBlock | import("../audio/capture-worklet.js").CapturedEdge} heard */
  #heard(heard) {
    if (heard.type === "vad") {
      if (heard.speech) this.#speechBegan = heard.position;
      this.#perform(this.#gate.vad(heard, this.#captured));
      return;
    }
    this.#captured = heard.position + heard.samples.length;
    this.#captureOriginMs = heard.timeMs - (this.#captured * 1000) / RATE;
    this.#lastSpeech = heard.lastSpeech;
    this.#clock.observe(heard.timeMs, nowMs());
    this.#encoder?.feed(heard.position, heard.samples);
    this.#perform(this.#gate.captured(this.#captured));
  }

  /** @param {import("../audio/talk-gate.js").GateEffect[]} effects */
  #perform(effects) {
    for (const effect of effects) {
      switch (effect.type) {
        case "open":
          if (!this.#uplink.isContainer) this.#uplink.open();
          else if (this.#isRecorded) this.#port.postMessage({ type: "recorder", action: "resume" });
          break;
        case "close":
          if (!this.#uplink.isContainer) this.#uplink.close(effect.position);
          break;
        case "silence":
          if (!this.#uplink.isContainer) this.#uplink.silence();
          break;
        case "end":
          this.#end(effect.position);
          break;
        case "barge_in":
          this.#bargeIn();
          break;
      }
    }
    if (effects.length > 0) this.#pump();
  }

  /** @param {number} position */
  #end(position) {
    const uplink = this.#uplink;
    if (uplink.isContainer) {
      setTimeout(() => this.#port.postMessage({ type: "recorder", action: "cut" }), RECORDER_TAIL_MS);
      return;
    }
    uplink.end(position);
    setTimeout(() => {
      uplink.endAnyway();
      if (uplink === this.#uplink) this.#pump();
    }, END_TIMEOUT_MS);
  }

  /** @param {{bytes: Uint8Array<ArrayBuffer>, durationMs: number, ends: boolean}} piece */
  #piece({ bytes, durationMs, ends }) {
    if (!this.#uplink.isContainer || !this.#wire?.isReady) return;
    if (bytes.length > 0) this.#uplink.feed({ position: this.#pieces++, durationMs, payload: bytes });
    if (ends) {
      this.#uplink.end(-1);
      if (!this.#isRecorded) this.#port.postMessage({ type: "recorder", action: "pause" });
    }
    this.#pump();
  }

  #pump() {
    const wire = this.#wire;
    if (!wire?.isReady) return;
    for (const item of this.#uplink.take(wire.bufferedAmount)) {
      if ("end" in item) {
        wire.send({ type: "audio_end" });
      } else {
        this.#recording.add(nowMs(), "up", { frame: item.frame });
        wire.sendFrame(item.frame);
      }
    }
    this.#holdRecorder();
  }

  /** A container's pieces cannot be shed: so what is not recorded in the first place is. */
  #holdRecorder() {
    if (!this.#uplink.isContainer) return;
    if (this.#uplink.isFull && this.#pausedMs === null) {
      this.#pausedMs = nowMs();
      this.#port.postMessage({ type: "recorder", action: "pause" });
    } else if (this.#pausedMs !== null && this.#uplink.queuedMs === 0) {
      this.#uplink.skip(nowMs() - this.#pausedMs);
      this.#pausedMs = null;
      if (this.#isRecorded) this.#port.postMessage({ type: "recorder", action: "resume" });
    }
  }

  /**
   * A recorder cannot give what was said before it began: the client's VAD does not save upload with it, and the
   * talk button has no pre-roll.
   */
  get #isRecorded() {
    return this.#pausedMs === null && (this.#gate.isOpen || !this.#gate.isManual);
  }

  /** @param {string} text */
  #text(text) {
    if (this.#replying) this.#downlink?.cancel(this.#replying);
    if (this.#wire?.send({ type: "text_input", text })) return;
    this.#texts.push(text);
    if (this.#texts.length > MAX_PENDING_TEXTS) this.#texts.shift();
  }

  #interrupt() {
    const turnId = this.#replying;
    if (!turnId || !this.#downlink) return;
    this.#downlink.cancel(turnId);
    this.#wire?.send({ type: "interrupt", turn_id: turnId, played_ms: this.#downlink.playedMs(turnId) });
  }

  /** The user speaks over a reply, as the client hears it. */
  #bargeIn() {
    if (!this.#replying) return;
    const turnId = this.#replying;
    const beganMs = this.#gate.isPressed ? null : this.#clientMs(this.#speechBegan);
    this.#interrupt();
    if (beganMs !== null) this.#downlink?.cancel(turnId, { bargedInMs: beganMs });
  }

  // --- down

  /** @param {import("../voicewire/types.js").Down} message */
  #received(message) {
    this.#recording.add(nowMs(), "down", { message });
    this.#port.postMessage({ type: "message", message });
    switch (message.type) {
      case "audio_ack":
        this.#uplink.acknowledge(message.sequence);
        this.#pump();
        break;
      case "speech_started":
        this.#openTurns.add(message.turn_id);
        this.#serverSpeechBeganMs = this.#edgeMs(this.#speechBegan, message.position_ms);
        break;
      case "speech_stopped": {
        const endedMs = this.#edgeMs(this.#lastSpeech, message.position_ms);
        if (endedMs !== null) this.#mark(message.turn_id, "mic.speech_end", endedMs);
        break;
      }
      case "transcript_final":
        this.#openTurns.add(message.turn_id);
        this.#replying = message.turn_id;
        break;
      case "reply_paused":
        this.#downlink?.pause(message.turn_id);
        break;
      case "reply_resumed":
        this.#downlink?.resume(message.turn_id);
        break;
      case "reply_cancelled": {
        const began = message.reason === "barge_in" ? this.#serverSpeechBeganMs : null;
        this.#downlink?.cancel(message.turn_id, began === null ? {} : { bargedInMs: began });
        this.#ended(message.turn_id);
        break;
      }
      case "turn_end":
        this.#ended(message.turn_id);
        break;
      case "error":
        if (!message.fatal) this.#port.postMessage({ type: "problem", problem: Problem.told(message).toJSON() });
        break;
    }
  }

  /** @type {number | null} */
  #serverSpeechBeganMs = null;

  /** @param {number} turnId */
  #ended(turnId) {
    this.#openTurns.delete(turnId);
    if (this.#replying === turnId) this.#replying = 0;
  }

  /**
   * @param {import("../voicewire/frames.js").AudioFrame} frame
   * @param {Uint8Array} bytes
   */
  #frame(frame, bytes) {
    this.#recording.add(nowMs(), "down", { frame: bytes });
    this.#downlink?.feed(frame);
  }

  /** @param {import("./downlink.js").Played} played */
  #played(played) {
    const { turnId, playedMs, bufferedMs } = played;
    this.#wire?.send({ type: "playback", turn_id: turnId, played_ms: playedMs, buffered_ms: bufferedMs });
    this.#port.postMessage({ type: "played", ...played });
  }

  /**
   * @param {number} turnId
   * @param {import("../voicewire/types.js").Mark} mark
   * @param {number} tMs
   */
  #mark(turnId, mark, tMs) {
    this.#recording.add(nowMs(), "client", { mark: { turnId, mark, tMs } });
    this.#port.postMessage({ type: "mark", turnId, mark, tMs });
  }

  /**
   * When an edge of speech was, on the client's clock: by the client's VAD if it means the same edge as the server's.
   *
   * @param {number} position where the client's VAD has it, in captured samples
   * @param {number} serverMs where the server has it, in the audio that it was sent
   */
  #edgeMs(position, serverMs) {
    const base = this.#uplink.base;
    if (base === null) return this.#clientMs(position);
    const told = base + (serverMs * RATE) / 1000;
    const same = Math.abs(told - position) <= (SAME_EDGE_MS * RATE) / 1000;
    return this.#clientMs(same ? position : told);
  }

  /** When a captured sample was spoken. @param {number} position @returns {number | null} */
  #clientMs(position) {
    if (this.#captureOriginMs === null) return null;
    const atMs = this.#clock.clientMs(this.#captureOriginMs + (position * 1000) / RATE);
    return atMs === null ? null : atMs - this.#latency.inputMs;
  }
}
