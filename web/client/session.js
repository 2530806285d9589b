// One session, from the first sound of it to its end: the audio graph, the microphone, and the link to the server.

import { LinkHost } from "./link-host.js";
import { Microphone } from "./microphone.js";
import { Problem } from "./problem.js";
import { Recorder } from "./recorder.js";
import { chooseRoute, playable } from "./routes.js";
import { Sound } from "./sound.js";
import { TurnState } from "./turn-state.js";

/** @typedef {import("../voicewire.js").VoiceClientOptions} VoiceClientOptions */
/** @typedef {import("../voicewire/types.js").SessionReady} SessionReady */

/** How often the latencies of the sound card are looked at. */
const LATENCY_MS = 1_000;

/**
 * What a session is opened with, and what of it can be changed while it goes on.
 *
 * @typedef {VoiceClientOptions & {url: string, route: import("./routes.js").Route | "auto", handsFree: boolean, clientVad: boolean}} SessionOptions
 */

/** Opened once. All that happens goes to `tell`, under the names of VoiceClient's events. */
export class Session {
  #options;
  #muted;
  #tell;
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
  /** The recorder is to begin as soon as there is a microphone. */
  #recorderDue = false;
  /** @type {import("./routes.js").ChosenRoute} */
  #route = { route: "pcm", input: { codec: "pcm_s16le", rate: 16_000 } };
  /** @type {import("../voicewire/types.js").AudioFormat[]} */
  #outputs = [];
  /** @type {SessionReady | null} */
  #ready = null;
  /** @type {string | null} */
  #resumeToken;
  /** @type {{resolve: (ready: SessionReady) => void, reject: (problem: Problem) => void} | null} */
  #starting = null;
  /** @type {((lines: string[]) => void)[]} */
  #awaitingRecording = [];
  /** @type {Blob | null} of a session that is over */
  #kept = null;
  /** @type {Promise<void>} until nothing of it is left */
  #gone = Promise.resolve();
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  #online = () => this.#link?.post({ type: "retry" });

  /**
   * @param {SessionOptions} options
   * @param {boolean} muted
   * @param {(type: string, detail: unknown) => void} tell
   * @param {string | null} [resumeToken] of a conversation to go on with
   */
  constructor(options, muted, tell, resumeToken = null) {
    this.#resumeToken = resumeToken;
    this.#options = options;
    this.#muted = muted;
    this.#tell = tell;
  }

  get state() {
    return this.#state.state;
  }

  /** What a later session goes on with this conversation by; null where there is none, or the user has ended it. */
  get resumeToken() {
    return this.#resumeToken;
  }

  /** Until a session that is over holds no device any more. */
  get gone() {
    return this.#gone;
  }

  /**
   * @param {boolean} listening with the microphone
   * @param {Promise<void>} [before] until the devices are free
   * @returns {Promise<SessionReady>}
   * @throws {Problem}
   */
  async open(listening, before) {
    this.#setPhase("connecting");
    // A browser wants the click, which does not wait.
    const context = typeof AudioContext === "undefined" ? null : Sound.context();
    await before;
    try {
      if (!context) throw new Problem("browser_unsupported", { fatal: true });
      if (!isSecureContext || typeof AudioWorkletNode === "undefined") throw new Problem("insecure_context", { fatal: true });
      await this.#prepare(context, listening);
      return await this.#open();
    } catch (error) {
      if (context && !this.#sound) void context.close();
      this.#release();
      this.#setPhase("closed");
      throw error instanceof Problem ? error : new Problem("browser_unsupported", { fatal: true, detail: String(error) });
    }
  }

  /** Open the microphone of a session that goes without one. @throws {Problem} the session goes on */
  async listen() {
    if (this.#microphone) return;
    this.#sound?.resume();
    try {
      await this.#openMicrophone();
    } catch (error) {
      throw error instanceof Problem ? error.notFatal() : error;
    }
  }

  async close() {
    this.#resumeToken = null;
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

  /** What the server is told when a session is opened: it is opened again. @param {Partial<SessionOptions>} changes */
  reopenWith(changes) {
    this.#options = { ...this.#options, ...changes };
    this.#link?.post({ type: "restart", input: this.#route.input, mode: this.#mode });
  }

  /** @param {boolean} clientVad */
  setClientVad(clientVad) {
    this.#options = { ...this.#options, clientVad };
    this.#link?.post({ type: "mode", mode: this.#mode });
  }

  /** @param {import("./routes.js").Route | "auto"} route */
  setRoute(route) {
    this.#options = { ...this.#options, route };
    if (!this.#link) return;
    chooseRoute(route).then(
      (chosen) => {
        this.#route = chosen;
        this.reopenWith({});
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
      this.#tell("problem", (error instanceof Problem ? error : Problem.ofMicrophone(error)).notFatal());
    }
  }

  /** @param {{type: "press"} | {type: "release"} | {type: "interrupt"} | {type: "text", text: string}} command */
  command(command) {
    this.#link?.post(command);
  }

  /** @returns {Promise<Blob>} */
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

  /**
   * @param {AudioContext} context
   * @param {boolean} listening
   */
  async #prepare(context, listening) {
    const { route, output = "auto", thread = "auto" } = this.#options;
    const sound = Sound.create(context, (level) => this.#tell("level", level)).then((ready) => (this.#sound = ready));
    // Whatever of these comes later than the failure of another is closed by `#release`.
    const parts = [
      sound,
      LinkHost.open(thread).then((opened) => (this.#link = opened)),
      // What the user says as soon as the microphone is allowed must find the graph running.
      listening ? sound.then(() => this.#openMicrophone()) : undefined,
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

  async #openMicrophone() {
    const { constraints, deviceId } = this.#options;
    const microphone = new Microphone({
      opened: (stream) => this.#heard(stream),
      gone: () => this.#sound?.setMicrophone(null),
      problem: (problem) => this.#tell("problem", problem),
      devices: (devices) => this.#tell("devices", devices),
    }, constraints);
    this.#microphone = microphone;
    microphone.setMuted(this.#muted);
    try {
      await microphone.open(deviceId);
    } catch (error) {
      microphone.close();
      this.#microphone = null;
      throw error;
    }
  }

  /** @param {MediaStream} stream */
  #heard(stream) {
    this.#sound?.setMicrophone(stream);
    if (this.#recorderDue) this.#record("start");
  }

  /** @returns {Promise<SessionReady>} */
  #open() {
    const { turnDetection } = this.#options;
    const sound = /** @type {Sound} */ (this.#sound);
    const link = /** @type {LinkHost} */ (this.#link);
    sound.watch((problem) => this.#tell("problem", problem));
    link.onevent = (event) => this.#happened(event);
    const { capturePort: capture, playbackPort: playback } = sound;
    /** @type {Promise<SessionReady>} */
    const opened = new Promise((resolve, reject) => {
      this.#starting = { resolve, reject };
    });
    link.post(
      {
        type: "open",
        url: this.#options.url,
        input: this.#route.input,
        mode: this.#mode,
        gate: {
          silenceMs: turnDetection?.silence_ms ?? undefined,
          bargeInMs: turnDetection?.barge_in === false ? Infinity : (turnDetection?.barge_in_ms ?? undefined),
        },
        muted: this.#muted,
        resumeToken: this.#resumeToken,
        capture,
        playback,
      },
      [capture, playback],
    );
    this.#measureLatency();
    this.#timer = setInterval(() => this.#measureLatency(), LATENCY_MS);
    addEventListener("online", this.#online);
    return opened;
  }

  /** @returns {import("../audio/talk-gate.js").TalkMode} */
  get #mode() {
    if (!this.#options.handsFree) return "manual";
    return this.#options.clientVad ? "vad" : "open";
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
    link?.close();
  }

  // --- what the link tells

  /** @param {import("./link.js").LinkEvent} event */
  #happened(event) {
    switch (event.type) {
      case "ask_start":
        void this.#start();
        break;
      case "phase":
        this.#setPhase(event.phase);
        break;
      case "closed":
        this.#closed(new Problem(event.problem.code, event.problem));
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
        const { turnId, playedMs, bufferedMs, playing, paused } = event;
        this.#state.played(event);
        this.#tell("playback", { turnId, playedMs, bufferedMs, playing, paused });
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

  /** It is over, and not because the user has ended it. @param {Problem} problem */
  #closed(problem) {
    const starting = this.#starting;
    this.#starting = null;
    if (starting) {
      starting.reject(problem);
      return;
    }
    this.#gone = this.recording().then((kept) => {
      this.#kept = kept;
      this.#release();
    });
    this.#setPhase("closed");
    this.#tell("problem", problem);
  }

  /** @param {import("../voicewire/types.js").Down} message */
  #received(message) {
    if (message.type === "session_ready") this.#ready = message;
    if ("resume_token" in message) this.#resumeToken = message.resume_token;
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
        this.#recorder = null;
        this.#recorderDue = !this.#microphone;
        if (!this.#sound || !this.#route.mimeType || this.#recorderDue) return;
        this.#recorder = new Recorder(this.#sound.recorded, this.#route.mimeType, (bytes, durationMs, ends) => {
          this.#link?.post({ type: "piece", bytes, durationMs, ends }, [bytes.buffer]);
        });
        break;
      case "stop":
        this.#recorder?.stop();
        this.#recorder = null;
        this.#recorderDue = false;
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

  /** @param {object} stats @returns {import("../voicewire.js").Stats} */
  #stats(stats) {
    return /** @type {import("../voicewire.js").Stats} */ ({
      ...stats,
      route: this.#microphone ? this.#route.route : "none",
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
}
