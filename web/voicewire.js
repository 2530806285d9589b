// A spoken conversation with a voicewire server. docs/embedding.md shows it in a page, docs/protocol.md what is behind it.
//
//   import { VoiceClient } from "https://voice.example/voicewire.js";
//
//   const voice = new VoiceClient();
//   voice.on("message", (message) => message.type === "transcript_final" && show(message.text));
//   button.onclick = () => voice.start();

import { nowMs } from "./client/clock.js";
import { microphones } from "./client/microphone.js";
import { Problem } from "./client/problem.js";
import { routes } from "./client/routes.js";
import { Session } from "./client/session.js";

export { nowMs, Problem };

/** @typedef {import("./voicewire/types.js").Down} Down what the server says */
/** @typedef {import("./voicewire/types.js").Up} Up what the client says */
/** @typedef {import("./voicewire/types.js").SessionReady} SessionReady */
/** @typedef {import("./client/turn-state.js").State} State */
/** @typedef {import("./client/routes.js").Route} Route */
/** @typedef {import("./client/microphone.js").Device} Device */

/**
 * @typedef {Object} VoiceClientOptions
 * @property {string} [url] of the WebSocket; left out, `/voice` of the server that this module came from
 * @property {string | (() => string | null | Promise<string | null>)} [token] proof that the user may use the server; a
 *   function is asked before each connection
 * @property {string} [locale] BCP 47; left out, the server's default
 * @property {string | null} [voice] of the reply
 * @property {Route | "auto"} [route] how microphone audio is sent
 * @property {"auto" | "opus" | "pcm"} [output] how replies are sent
 * @property {boolean} [handsFree] false: push-to-talk
 * @property {boolean} [clientVad] send audio only while the client hears speech, and end turns by itself
 * @property {string} [deviceId] of the microphone
 * @property {MediaTrackConstraints} [constraints] of the microphone; left out, with echo cancellation, noise suppression
 *   and automatic gain control
 * @property {import("./voicewire/types.js").TurnDetection} [turnDetection]
 * @property {Record<string, string>} [metadata] the app's own notes, for the server's log
 * @property {"auto" | "worker" | "main"} [thread] where encoding and the socket live
 */

/**
 * @typedef {Object} Stats
 * @property {Route | "none"} route
 * @property {"worker" | "main"} thread
 * @property {import("./voicewire/types.js").AudioFormat} input
 * @property {import("./voicewire/types.js").AudioFormat | null} output
 * @property {number | null} rttMs round trip
 * @property {number | null} offsetMs the server's clock minus the client's
 * @property {number} uplinkMs audio sent and not acknowledged
 * @property {number} queuedMs audio not sent yet
 * @property {number} bufferedAmount of the socket, in bytes
 * @property {number} shedMs audio thrown away because the network is slow
 * @property {boolean} slowNetwork
 * @property {number} sentBytes
 * @property {number} sentFrames
 * @property {number} downBufferedMs
 * @property {number} underruns
 * @property {number} leadMs how much is buffered before playing goes on
 * @property {number} decoderFailures
 * @property {number} outputLatencyMs as the browser tells it; 0 where it does not
 */

/**
 * Events, each with its `detail`.
 *
 * @typedef {Object} VoiceEvents
 * @property {{state: State}} state
 * @property {Down} message of the server. Turn ids begin anew with each `session_ready`.
 * @property {Up} sent a message of the client, without `clock` and `playback`; a token is left out
 * @property {{db: number, speech: boolean}} level of the microphone, about 25 a second
 * @property {Problem} problem a sentence for a person; where it is `fatal` the session is over
 * @property {Device[]} devices the microphones, when they changed
 * @property {{turnId: number, playedMs: number, bufferedMs: number, playing: boolean, paused: boolean}} playback `paused`:
 *   silent, as the user may be speaking over it; it goes on, or is cancelled
 * @property {{turnId: number, mark: import("./voicewire/types.js").Mark, tMs: number, clock: "client"}} mark on the clock of `nowMs()`
 * @property {Stats} stats about four a second
 * @property {{attempt: number, delayMs: number}} reconnecting
 */

/** A conversation. `connect` or `start` opens a session, `disconnect` ends it, and either may open another one. */
export class VoiceClient extends EventTarget {
  #options;
  #muted = false;
  /** @type {Session | null} the newest */
  #session = null;
  /** @type {Promise<SessionReady> | null} */
  #opened = null;

  /** @param {VoiceClientOptions} [options] */
  constructor(options = {}) {
    super();
    const url = new URL("/voice", import.meta.url).href.replace(/^http/, "ws");
    this.#options = { url, route: /** @type {const} */ ("auto"), handsFree: true, clientVad: false, ...options };
  }

  /** The microphones there are. They have names once the microphone was allowed. @returns {Promise<Device[]>} */
  static microphones() {
    return microphones();
  }

  /** Which routes this browser has. @returns {Promise<Record<Route, boolean>>} */
  static routes() {
    return routes();
  }

  /**
   * As `addEventListener`, but with what happened itself: `voice.on("level", ({ db }) => draw(db))`.
   *
   * @template {keyof VoiceEvents} K
   * @param {K} type
   * @param {(detail: VoiceEvents[K]) => void} listener
   * @returns {() => void} listens no longer
   */
  on(type, listener) {
    const listen = (/** @type {Event} */ event) => listener(/** @type {CustomEvent<VoiceEvents[K]>} */ (event).detail);
    this.addEventListener(type, listen);
    return () => this.removeEventListener(type, listen);
  }

  /** @returns {State} */
  get state() {
    return this.#session?.state ?? "idle";
  }

  get muted() {
    return this.#muted;
  }

  get handsFree() {
    return this.#options.handsFree;
  }

  /**
   * Open a session without the microphone: the user types, and hears the answers. In a click, or the browser holds the
   * sound back until there is one.
   *
   * @returns {Promise<SessionReady>}
   * @throws {Problem}
   */
  connect() {
    return this.#open(false);
  }

  /**
   * Listen: open the microphone, and the session where there is none. To be called in a click.
   *
   * @returns {Promise<SessionReady>}
   * @throws {Problem} where it is not `fatal`, the session goes on without the microphone
   */
  async start() {
    const isNew = !this.#isOpen;
    const ready = await this.#open(true);
    if (!isNew) await this.#session?.listen();
    return ready;
  }

  /** End the session, and the conversation. What was said remains in `recording`. */
  async disconnect() {
    await this.#session?.close();
  }

  /** @param {boolean} [muted] false: listen again */
  mute(muted = true) {
    this.#muted = muted;
    this.#session?.setMuted(muted);
  }

  /** Silence the reply. */
  interrupt() {
    this.#session?.command({ type: "interrupt" });
  }

  /** While the connection is being opened again, up to eight texts wait for it. @param {string} text */
  sendText(text) {
    const trimmed = text.trim();
    if (trimmed) this.#session?.command({ type: "text", text: trimmed });
  }

  /** The user talks from here on: for push-to-talk. */
  pressToTalk() {
    this.#session?.command({ type: "press" });
  }

  releaseToTalk() {
    this.#session?.command({ type: "release" });
  }

  /** @param {boolean} handsFree false: push-to-talk */
  setHandsFree(handsFree) {
    this.#reopenWith({ handsFree });
  }

  /** @param {string} locale */
  setLocale(locale) {
    this.#reopenWith({ locale });
  }

  /** @param {string | null} voice */
  setVoice(voice) {
    this.#reopenWith({ voice });
  }

  /** @param {boolean} clientVad */
  setClientVad(clientVad) {
    this.#options = { ...this.#options, clientVad };
    this.#session?.setClientVad(clientVad);
  }

  /** @param {Route | "auto"} route */
  setRoute(route) {
    this.#options = { ...this.#options, route };
    this.#session?.setRoute(route);
  }

  /** @param {string} deviceId one of `microphones`; a failure is told as a `problem` */
  async setMicrophone(deviceId) {
    this.#options = { ...this.#options, deviceId };
    await this.#session?.setMicrophone(deviceId);
  }

  /** The session so far, or the one that is over, as a file: client/recording.js has its format. @returns {Promise<Blob>} */
  async recording() {
    return (await this.#session?.recording()) ?? new Blob([]);
  }

  get #isOpen() {
    return !["idle", "closed"].includes(this.state);
  }

  /** The session that is open, or a new one. @param {boolean} listening @returns {Promise<SessionReady>} */
  #open(listening) {
    if (this.#opened && this.#isOpen) return this.#opened;
    const before = this.#session;
    const session = new Session(this.#options, this.#muted, (type, detail) => {
      if (session === this.#session) this.dispatchEvent(new CustomEvent(type, { detail }));
    }, before?.resumeToken);
    this.#session = session;
    this.#opened = session.open(listening, before?.gone);
    return this.#opened;
  }

  /** What a session is opened with has changed. @param {Partial<VoiceClientOptions>} changes */
  #reopenWith(changes) {
    this.#options = { ...this.#options, ...changes };
    this.#session?.reopenWith(changes);
  }
}
