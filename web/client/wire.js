// The WebSocket of a session: opened, watched, and opened again when it drops.

import { Backoff } from "../voicewire/backoff.js";
import { ClockOffset } from "../voicewire/clock-offset.js";
import { parseFrame, ProtocolError } from "../voicewire/frames.js";
import { parseMessage, serializeMessage } from "../voicewire/messages.js";
import { SUBPROTOCOL } from "../voicewire/types.js";
import { nowMs } from "./clock.js";
import { Problem } from "./problem.js";

/** From the attempt to `session_ready`, at most. */
const OPENING_MS = 10_000;
/** The server answers a ping each two seconds: one that says nothing for so long is gone. */
const SILENT_MS = 15_000;
/** A close that the peer does not answer. */
const CLOSING_MS = 1_000;
/** Before a draining server closes, there should be another connection. */
const BEFORE_GOING_MS = 300;
/** Fatal errors after which the same session may be tried again. */
const PASSING = new Set([
  "going_away", "internal", "server_full", "overloaded", "too_far_ahead", "too_many_frames", "bad_sequence",
]);

/**
 * @typedef {Object} WireListener
 * @property {() => Promise<import("../voicewire/types.js").SessionStart>} askStart what to open a session with; asked for
 *   each connection, because a token may have expired
 * @property {(ready: import("../voicewire/types.js").SessionReady) => void} ready
 * @property {(why: "connecting" | "reconnecting" | "closed", problem: Problem | null) => void} lost
 * @property {(attempt: number, delayMs: number) => void} retrying
 * @property {(message: import("../voicewire/types.js").Down) => void} message
 * @property {(frame: import("../voicewire/frames.js").AudioFrame, bytes: Uint8Array) => void} frame
 * @property {(message: import("../voicewire/types.js").Up) => void} sent
 */

/** The first connection is tried once; one that was lost again and again, with backoff, resuming the conversation. */
export class Wire {
  #url;
  #listener;
  /** @type {WebSocket | null} */
  #socket = null;
  #ready = false;
  #everReady = false;
  #closed = false;
  #busy = false;
  /** @type {string | null} */
  #resumeToken;
  /** @type {Problem | null} */
  #fatal = null;
  #backoff = new Backoff();
  #clock = new ClockOffset();
  #receivedMs = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {number | null} the server closes then */
  #leavesMs = null;

  /**
   * @param {string} url
   * @param {WireListener} listener
   * @param {string | null} [resumeToken] of a conversation to go on with
   */
  constructor(url, listener, resumeToken = null) {
    this.#resumeToken = resumeToken;
    this.#url = url;
    this.#listener = listener;
  }

  get isReady() {
    return this.#ready;
  }

  get bufferedAmount() {
    return this.#socket?.bufferedAmount ?? 0;
  }

  /** Server's clock minus ours, and the round trip it was measured by; null before the first answer. */
  get clock() {
    return { offsetMs: this.#clock.offsetMs, roundTripMs: this.#clock.roundTripMs };
  }

  connect() {
    clearTimeout(this.#timer);
    this.#fatal = null;
    this.#leavesMs = null;
    /** @type {WebSocket} */
    let socket;
    try {
      socket = new WebSocket(this.#url, SUBPROTOCOL);
    } catch (error) {
      this.#end(new Problem("connection_failed", { fatal: true, detail: String(error) }));
      return;
    }
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#start(socket);
    socket.onmessage = ({ data }) => {
      if (socket === this.#socket) this.#receive(data);
    };
    socket.onclose = () => this.#dropped(socket);
    this.#timer = setTimeout(() => this.#drop(socket), OPENING_MS);
  }

  /** Open a new session that goes on with this conversation: something was changed that a session is opened with. */
  restart() {
    if (this.#closed) return;
    this.#backoff.reset();
    const socket = this.#socket;
    const wasReady = this.#ready;
    this.#ready = false;
    if (wasReady) this.#listener.lost("reconnecting", null);
    clearTimeout(this.#timer);
    if (!socket || socket.readyState === WebSocket.CLOSED) {
      this.connect();
      return;
    }
    // The server keeps the conversation when it sees the end of this connection: so that comes first.
    const go = () => {
      clearTimeout(this.#timer);
      socket.onclose = null;
      if (!this.#closed && socket === this.#socket) this.connect();
    };
    socket.onmessage = null;
    socket.onclose = go;
    socket.close(1000);
    this.#timer = setTimeout(go, CLOSING_MS);
  }

  /** Do not wait any longer: the network is back. */
  retryNow() {
    if (this.#everReady && !this.#ready && this.#socket === null && !this.#closed) this.connect();
  }

  close() {
    this.#end(null);
  }

  /** @param {import("../voicewire/types.js").Up} message @returns {boolean} whether there was a session to send it in */
  send(message) {
    if (!this.#ready || this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(serializeMessage(message));
    this.#listener.sent(message);
    return true;
  }

  /** @param {Uint8Array<ArrayBuffer>} frame */
  sendFrame(frame) {
    if (this.#ready && this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(frame);
  }

  /** Whether a turn is being held; a server that drains is left between two turns. @param {boolean} busy */
  setBusy(busy) {
    this.#busy = busy;
  }

  /** To be called often: pings, and whatever is due. */
  tick() {
    const now = nowMs();
    if (!this.#ready) return;
    if (now >= this.#clock.dueMs) this.send(this.#clock.ping(now));
    if (now - this.#receivedMs > SILENT_MS && this.#socket) this.#drop(this.#socket);
    if (this.#leavesMs !== null && (!this.#busy || now >= this.#leavesMs)) this.restart();
  }

  /** @param {WebSocket} socket */
  async #start(socket) {
    let start;
    try {
      start = await this.#listener.askStart();
    } catch (error) {
      this.#fatal = new Problem("unauthorized", { fatal: true, detail: String(error) });
      this.#drop(socket);
      return;
    }
    if (socket !== this.#socket || socket.readyState !== WebSocket.OPEN) return;
    const message = { ...start, resume_token: this.#resumeToken };
    socket.send(serializeMessage(message));
    this.#listener.sent(message);
  }

  /** @param {string | ArrayBuffer} data */
  #receive(data) {
    const now = nowMs();
    this.#receivedMs = now;
    try {
      if (typeof data === "string") this.#message(parseMessage(data), now);
      else if (this.#ready) this.#listener.frame(parseFrame(data), new Uint8Array(data));
    } catch (error) {
      // A newer server may say things that this client does not know.
      if (!(error instanceof ProtocolError)) throw error;
      console.warn(`voicewire: ${error.code}: ${error.message}`);
    }
  }

  /**
   * @param {import("../voicewire/types.js").Down} message
   * @param {number} now
   */
  #message(message, now) {
    switch (message.type) {
      case "session_ready":
        clearTimeout(this.#timer);
        this.#ready = true;
        this.#everReady = true;
        this.#resumeToken = message.resume_token;
        this.#backoff.reset();
        this.#clock = new ClockOffset();
        this.#listener.ready(message);
        this.tick();
        break;
      case "clock":
        if (typeof message.received_ms === "number") this.#clock.observe(message, now);
        else this.send(ClockOffset.answer(message, now, nowMs()));
        return;
      case "error":
        if (message.fatal) this.#fatal = Problem.told(message);
        break;
      case "going_away":
        this.#resumeToken = message.resume_token;
        this.#leavesMs = now + Math.max(0, message.time_left_ms - BEFORE_GOING_MS);
        break;
    }
    this.#listener.message(message);
  }

  /** Give the connection up without waiting for the peer. @param {WebSocket} socket */
  #drop(socket) {
    socket.close();
    this.#dropped(socket);
  }

  /** @param {WebSocket} socket */
  #dropped(socket) {
    if (socket !== this.#socket) return;
    clearTimeout(this.#timer);
    socket.onclose = null;
    this.#socket = null;
    this.#ready = false;
    if (this.#closed) return;
    const fatal = this.#fatal;
    if (!this.#everReady || (fatal && !PASSING.has(fatal.code))) {
      this.#end(fatal ?? new Problem("connection_failed", { fatal: true }));
      return;
    }
    const delayMs = this.#backoff.next();
    if (delayMs === null) {
      this.#end(fatal ?? new Problem("connection_lost", { fatal: true }));
      return;
    }
    this.#listener.lost("reconnecting", null);
    this.#listener.retrying(this.#backoff.attempt, delayMs);
    this.#timer = setTimeout(() => this.connect(), delayMs);
  }

  /** @param {Problem | null} problem */
  #end(problem) {
    if (this.#closed) return;
    this.#closed = true;
    this.#ready = false;
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    if (socket) {
      socket.onclose = null;
      socket.close(1000);
    }
    this.#listener.lost("closed", problem);
  }
}
