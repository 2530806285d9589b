// A spoken conversation with a voicewire server: the module that a page uses. docs/protocol.md has what is behind it.

import { nowMs } from "./clock.js";
import { LinkHost } from "./link-host.js";
import { microphones, Microphone } from "./microphone.js";
import { Problem } from "./problem.js";
import { Recorder } from "./recorder.js";
import { chooseRoute, playable, routes } from "./routes.js";
import { Sound } from "./sound.js";
import { TurnState } from "./turn-state.js";

export { nowMs, Problem };

/** How often the latencies of the sound card are looked at. */
const LATENCY_MS = 1_000;

/**
 * @typedef {Object} VoiceClientOptions
 * @property {string} [url] of the WebSocket; left out, `/voice` where the page came from
 * @property {string | (() => string | Promise<string>)} [token] proof that the user may use the server; a function is
 *   asked before each connection
 * @property {string} [locale] BCP 47; left out, the server's default
 * @property {string | null} [voice] of the reply
 * @property {import("./routes.js").Route | "auto"} [route] how microphone audio is sent
 * @property {"auto" | "opus" | "pcm"} [output] how replies are sent
 * @property {boolean} [handsFree] false: push-to-talk
 * @property {boolean} [clientVad] send audio only while the client hears speech, and end turns by itself
 * @property {string} [deviceId] of the microphone
 * @property {MediaTrackConstraints} [constraints] of the microphone; left out, with echo cancellation, noise suppression
 *   and automatic gain control
 * @property {boolean} [microphone] false: typing only
 * @property {import("../voicewire/types.js").TurnDetection} [turnDetection]
 * @property {Record<string, string>} [metadata] the app's own notes, for the server's log
 * @property {"auto" | "worker" | "main"} [thread] where encoding and the socket live
 */

/**
 * @typedef {Object} Stats
 * @property {import("./routes.js").Route | "none"} route
 * @property {"worker" | "main"} thread
 * @property {import("../voicewire/types.js").AudioFormat} input
 * @property {import("../voicewire/types.js").AudioFormat | null} output
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
 * Events (CustomEvent, with this `detail`):
 * - `state` {state}
 * - `message`: any message of the server, typed in voicewire/types.js. Turn ids begin anew with each `session_ready`.
 * - `sent`: a message of the client, without `clock` and `playback`
 * - `level` {db, speech}: about 25 a second
 * - `problem`: a Problem. When it is `fatal` the session is over.
 * - `devices`: the microphones, when they changed
 * - `playback` {turnId, playedMs, bufferedMs, playing}
 * - `mark` {turnId, mark, tMs, clock: "client"}: on the clock of `nowMs()`
 * - `stats` Stats: about four a second
 * - `reconnecting` {attempt, delayMs}
 */
export class VoiceClient extends EventTarget {
  #options;
  #state = new TurnState();
  /** @type {import("./turn-state.js").State} */
  #told = "idle";
  /** @type {LinkHost | null} */
  #link = null;
  /** @type {Sound | null} */
  #sound = null;
  /** @type {Microphone | null} */
  #microphone = null;
  /** @type {Recorder | null} */
  #recorder = null;
  /** @type {import("./routes.js").ChosenRoute} */
  #route = { route: "pcm", input: { codec: "pcm_s16le", rate: 16_000 } };
  /** @type {import("../voicewire/types.js").AudioFormat[]} */
  #outputs = [];
  /** @type {import("../voicewire/types.js").SessionReady | null} */
  #ready = null;
  #muted = false;
  /** @type {{resolve: (ready: import("../voicewire/types.js").SessionReady) => void, reject: (problem: Problem) => void} | null} */
  #starting = null;
  /** @type {((lines: string[]) => void)[]} */
  #awaitingRecording = [];
  /** @type {Blob | null} of a session that is over */
  #kept = null;
  /** @type {Promise<void>} until what was left of the session before is gone */
  #closing = Promise.resolve();
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  #online = () => this.#link?.post({ type: "retry" });

  /** @param {VoiceClientOptions} [options] */
  constructor(options = {}) {
    super();
    this.#options = { route: /** @type {const} */ ("auto"), handsFree: true, clientVad: false, microphone: true, ...options };
  }

  /** The microphones there are. They have names once the microphone was allowed. */
  static microphones() {
    return microphones();
  }

  /** Which routes this browser has. */
  static routes() {
    return routes();
  }

  get state() {
    return this.#state.state;
  }

  get muted() {
    return this.#muted;
  }

  get handsFree() {
    return this.#options.handsFree;
  }

  /**
   * Ask for the microphone and open the session. To be called in a click.
   *
   * @returns {Promise<import("../voicewire/types.js").SessionReady>}
   * @throws {Problem}
   */
  async start() {
    if (!["idle", "closed"].includes(this.state)) throw new Error("it was started already");
    this.#setPhase("connecting");
    const context = typeof AudioContext === "undefined" ? null : Sound.context();
    await this.#closing;
    try {
      if (!context) throw new Problem("browser_unsupported", { fatal: true });
      if (!isSecureContext || typeof AudioWorkletNode === "undefined") throw new Problem("insecure_context", { fatal: true });
      await this.#prepare(context);
      return await this.#open();
    } catch (error) {
      if (context && !this.#sound) void context.close();
      this.#release();
      this.#setPhase("closed");
      throw error instanceof Problem ? error : new Problem("browser_unsupported", { fatal: true, detail: String(error) });
    }
  }

  async stop() {
    if (this.#link) {
      this.#kept = await this.recording();
      this.#link?.post({ type: "close" });
    }
    const starting = this.#starting;
    this.#starting = null;
    this.#release();
    this.#setPhase("closed");
    starting?.reject(new Problem("connection_failed", { fatal: true, detail: "stopped" }));
  }

  /** @param {boolean} muted */
  setMuted(muted) {
    this.#muted = muted;
    this.#microphone?.setMuted(muted);
    this.#link?.post({ type: "mute", muted });
  }

  /** @param {boolean} handsFree false: push-to-talk */
  setHandsFree(handsFree) {
    this.#reopenWith({ handsFree });
  }

  /** @param {boolean} clientVad */
  setClientVad(clientVad) {
    this.#options = { ...this.#options, clientVad };
    this.#link?.post({ type: "mode", mode: this.#mode });
  }

  /** @param {string} locale */
  setLocale(locale) {
    this.#reopenWith({ locale });
  }

  /** @param {string | null} voice */
  setVoice(voice) {
    this.#reopenWith({ voice });
  }

  /** @param {import("./routes.js").Route | "auto"} route */
  setRoute(route) {
    this.#options = { ...this.#options, route };
    if (!this.#link) return;
    chooseRoute(route).then(
      (chosen) => {
        this.#route = chosen;
        this.#reopenWith({});
      },
      (problem) => this.#tell("problem", problem),
    );
  }

  /** @param {string} deviceId */
  async setMicrophone(deviceId) {
    this.#options = { ...this.#options, deviceId };
    try {
      await this.#microphone?.open(deviceId);
    } catch (error) {
      const problem = Problem.ofMicrophone(error);
      this.#tell("problem", error instanceof Problem ? new Problem(error.code, { detail: error.detail }) : problem);
    }
  }

  pressToTalk() {
    this.#link?.post({ type: "press" });
  }

  releaseToTalk() {
    this.#link?.post({ type: "release" });
  }

  /** Silence the reply. */
  interrupt() {
    this.#link?.post({ type: "interrupt" });
  }

  /** While the connection is being opened again, up to eight texts wait for it. @param {string} text */
  sendText(text) {
    const trimmed = text.trim();
    if (trimmed) this.#link?.post({ type: "text", text: trimmed });
  }

  /** The session so far, as a file: recording.js has its format. @returns {Promise<Blob>} */
  async recording() {
    const link = this.#link;
    if (!link) return this.#kept ?? new Blob([]);
    /** @type {string[]} */
    const lines = await new Promise((resolve) => {
      this.#awaitingRecording.push(resolve);
      link.post({ type: "recording", userAgent: navigator.userAgent });
    });
    return new Blob(lines, { type: "application/jsonl" });
  }

  // --- opening

  /** @param {AudioContext} context */
  async #prepare(context) {
    const { constraints, deviceId, route = "auto", output = "auto", thread = "auto" } = this.#options;
    const sound = Sound.create(context, (level) => this.#tell("level", level));
    // Whatever of these comes later than the failure of another is closed by `#release`, or here.
    const link = LinkHost.open(thread).then((opened) => {
      this.#link = opened;
      return opened;
    });
    const microphone = new Microphone({
      opened: (stream) => void sound.then((ready) => ready.setMicrophone(stream)),
      gone: () => this.#sound?.setMicrophone(null),
      problem: (problem) => this.#tell("problem", problem),
      devices: (devices) => this.#tell("devices", devices),
    }, constraints);
    this.#microphone = microphone;
    microphone.setMuted(this.#muted);
    const parts = [
      sound.then((ready) => (this.#sound = ready)),
      link,
      // What the user says as soon as the microphone is allowed must find the graph running.
      this.#options.microphone ? sound.then(() => microphone.open(deviceId)) : undefined,
      chooseRoute(route).then((chosen) => (this.#route = chosen)),
      playable(output).then((formats) => (this.#outputs = formats)),
    ];
    try {
      await Promise.all(parts);
    } catch (error) {
      await Promise.allSettled(parts);
      throw error;
    }
  }

  /** @returns {Promise<import("../voicewire/types.js").SessionReady>} */
  #open() {
    const { turnDetection } = this.#options;
    const sound = /** @type {Sound} */ (this.#sound);
    const link = /** @type {LinkHost} */ (this.#link);
    this.#kept = null;
    sound.watch((problem) => this.#tell("problem", problem));
    link.onevent = (event) => this.#happened(event);
    const { capturePort: capture, playbackPort: playback } = sound;
    const opened = new Promise((resolve, reject) => {
      this.#starting = { resolve, reject };
    });
    link.post(
      {
        type: "open",
        url: this.#options.url ?? new URL("/voice", location.href).href.replace(/^http/, "ws"),
        input: this.#route.input,
        mode: this.#mode,
        gate: {
          silenceMs: turnDetection?.silence_ms ?? undefined,
          bargeInMs: turnDetection?.barge_in === false ? Infinity : (turnDetection?.barge_in_ms ?? undefined),
        },
        muted: this.#muted,
        capture,
        playback,
      },
      [capture, playback],
    );
    this.#measureLatency();
    this.#timer = setInterval(() => this.#measureLatency(), LATENCY_MS);
    addEventListener("online", this.#online);
    return /** @type {Promise<import("../voicewire/types.js").SessionReady>} */ (opened);
  }

  /** @returns {import("../audio/talk-gate.js").TalkMode} */
  get #mode() {
    if (!this.#options.handsFree) return "manual";
    return this.#options.clientVad ? "vad" : "open";
  }

  /** Something that a session is opened with has changed. @param {Partial<VoiceClientOptions>} changes */
  #reopenWith(changes) {
    this.#options = { ...this.#options, .../** @type {{}} */ (changes) };
    this.#link?.post({ type: "restart", input: this.#route.input, mode: this.#mode });
  }

  async #start() {
    const { locale, voice = null, token, turnDetection = {}, metadata = {}, handsFree } = this.#options;
    try {
      /** @type {import("../voicewire/types.js").SessionStart} */
      const message = {
        type: "session_start",
        ...(locale ? { locale } : {}),
        voice,
        input: [this.#route.input],
        output: this.#outputs,
        turn_detection: handsFree ? turnDetection : { ...turnDetection, mode: "manual" },
        token: (typeof token === "function" ? await token() : token) ?? null,
        metadata,
      };
      this.#link?.post({ type: "start", message });
    } catch (error) {
      this.#link?.post({ type: "start", error: String(error) });
    }
  }

  #measureLatency() {
    const outputMs = this.#sound?.outputLatencyMs ?? 0;
    this.#link?.post({ type: "latency", outputMs, inputMs: this.#microphone?.latencyMs ?? 0 });
  }

  #release() {
    clearInterval(this.#timer);
    removeEventListener("online", this.#online);
    this.#recorder?.stop();
    this.#recorder = null;
    this.#microphone?.close();
    this.#microphone = null;
    void this.#sound?.close();
    this.#sound = null;
    const link = this.#link;
    this.#link = null;
    for (const resolve of this.#awaitingRecording.splice(0)) resolve([]);
    // The socket says goodbye before its thread ends.
    if (link) setTimeout(() => link.close(), 500);
  }

  // --- what the link tells

  /** @param {import("./link.js").LinkEvent} event */
  #happened(event) {
    switch (event.type) {
      case "ask_start":
        void this.#start();
        break;
      case "phase":
        this.#phaseChanged(event.phase, event.problem);
        break;
      case "message":
        this.#received(event.message);
        break;
      case "sent":
        this.#tell("sent", event.message.type === "session_start" ? { ...event.message, token: null } : event.message);
        break;
      case "problem":
        this.#tell("problem", new Problem(event.problem.code, event.problem));
        break;
      case "retrying":
        this.#tell("reconnecting", { attempt: event.attempt, delayMs: event.delayMs });
        break;
      case "played": {
        const { turnId, playedMs, bufferedMs, playing } = event;
        this.#state.played(event);
        this.#tell("playback", { turnId, playedMs, bufferedMs, playing });
        this.#tellState();
        break;
      }
      case "mark":
        this.#tell("mark", { turnId: event.turnId, mark: event.mark, tMs: event.tMs, clock: "client" });
        break;
      case "recorder":
        this.#record(event.action);
        break;
      case "encoder_failed":
        this.#encoderFailed(event.detail);
        break;
      case "stats":
        this.#tell("stats", this.#stats(event.stats));
        break;
      case "recording":
        this.#awaitingRecording.shift()?.(event.lines);
        break;
    }
  }

  /**
   * @param {"connecting" | "ready" | "reconnecting" | "closed"} phase
   * @param {ReturnType<Problem["toJSON"]> | null} told
   */
  #phaseChanged(phase, told) {
    if (phase !== "closed") {
      this.#setPhase(phase);
      return;
    }
    const problem = new Problem(told?.code ?? "connection_lost", told ?? { fatal: true });
    const starting = this.#starting;
    this.#starting = null;
    if (starting) {
      starting.reject(problem);
      return;
    }
    this.#closing = this.recording().then((kept) => {
      this.#kept = kept;
      this.#release();
    });
    this.#setPhase("closed");
    this.#tell("problem", problem);
  }

  /** @param {import("../voicewire/types.js").Down} message */
  #received(message) {
    if (message.type === "session_ready") this.#ready = message;
    this.#state.received(message);
    this.#tell("message", message);
    this.#tellState();
    if (message.type === "session_ready") {
      this.#starting?.resolve(message);
      this.#starting = null;
    }
  }

  /** @param {"start" | "pause" | "resume" | "cut" | "stop"} action */
  #record(action) {
    switch (action) {
      case "start":
        this.#recorder?.stop();
        if (!this.#sound || !this.#route.mimeType) return;
        this.#recorder = new Recorder(this.#sound.recorded, this.#route.mimeType, (bytes, durationMs, ends) => {
          this.#link?.post({ type: "piece", bytes, durationMs, ends }, [bytes.buffer]);
        });
        break;
      case "stop":
        this.#recorder?.stop();
        this.#recorder = null;
        break;
      default:
        this.#recorder?.[action]();
    }
  }

  /** @param {string} detail */
  #encoderFailed(detail) {
    if (this.#options.route === "auto") this.setRoute("pcm");
    else this.#tell("problem", new Problem("route_unsupported", { detail }));
  }

  /** @param {object} stats @returns {Stats} */
  #stats(stats) {
    return /** @type {Stats} */ ({
      ...stats,
      route: this.#options.microphone ? this.#route.route : "none",
      thread: this.#link?.thread ?? "main",
      input: this.#ready?.input ?? this.#route.input,
      output: this.#ready?.output ?? null,
      outputLatencyMs: this.#sound?.outputLatencyMs ?? 0,
    });
  }

  /** @param {"idle" | "connecting" | "ready" | "reconnecting" | "closed"} phase */
  #setPhase(phase) {
    this.#state.setPhase(phase);
    this.#tellState();
  }

  #tellState() {
    if (this.state === this.#told) return;
    this.#told = this.state;
    this.#tell("state", { state: this.#told });
  }

  /**
   * @param {string} type
   * @param {unknown} detail
   */
  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
