// In place of web/voicewire.js: says what a test has it say (`window.voice`), and notes what it was asked.

const ENGINE = (name) => ({ name, settings: {} });

const READY = {
  type: "session_ready",
  version: 1,
  session_id: "s-1",
  resume_token: "secret",
  input: { codec: "opus", rate: 48000 },
  output: { codec: "opus", rate: 48000 },
  engines: { vad: ENGINE("silero"), stt: ENGINE("pocketsphinx"), llm: ENGINE("scripted"), tts: ENGINE("espeak") },
  lead_ms: 400,
};

const voice = {
  calls: [],
  options: null,
  refusal: null,
  client: null,
  clockMs: 1_000_000,
  ready: READY,

  emit(name, detail) {
    this.client.dispatchEvent(new CustomEvent(name, { detail }));
  },
  state(state) {
    this.client.state = state;
    this.emit("state", { state });
  },
  message(message) {
    this.emit("message", message);
  },
  connected() {
    this.message(READY);
    this.state("listening");
  },
  reply(turnId, text) {
    text.match(/\s*\S+/g).forEach((token, index) => this.message({ type: "llm_token", turn_id: turnId, index, text: token }));
  },
  played(turnId, playedMs) {
    this.emit("playback", { turnId, playing: true, playedMs });
  },
  /** The user cut in. */
  cut(turnId, heardText) {
    this.message({ type: "reply_cancelled", turn_id: turnId, reason: "barge_in", heard_ms: 900, heard_text: heardText });
  },
  stats(more = {}) {
    this.emit("stats", {
      route: "webcodecs", thread: "worker", input: READY.input, output: READY.output, rttMs: 18.4, offsetMs: -500_000,
      uplinkMs: 40, queuedMs: 0, bufferedAmount: 0, shedMs: 0, slowNetwork: false, sentBytes: 48_200, sentFrames: 640,
      downBufferedMs: 0, underruns: 0, leadMs: 60, outputLatencyMs: 32, ...more,
    });
  },
  /** Marks of a turn, in ms after the end of the user's speech, each on its own side's clock. */
  marks(turnId, zeroMs, marks) {
    for (const [mark, afterMs] of Object.entries(marks)) {
      const client = /^(mic|barge_in|reply\.first_(frame_received|audible))/.test(mark);
      const tMs = this.clockMs + zeroMs + afterMs;
      if (client) this.emit("mark", { turnId, mark, tMs, clock: "client" });
      else this.message({ type: "timing", turn_id: turnId, mark, t_ms: tMs - 500_000 });
    }
  },
};
globalThis.voice = voice;

export const nowMs = () => voice.clockMs;

export class VoiceClient extends EventTarget {
  state = "idle";

  constructor(options) {
    super();
    voice.options = options;
    voice.client = this;
  }

  on(type, listener) {
    this.addEventListener(type, ({ detail }) => listener(detail));
  }

  async start() {
    voice.calls.push(["start"]);
    await this.#open();
  }

  async connect() {
    voice.calls.push(["connect"]);
    await this.#open();
  }

  async #open() {
    const isNew = ["idle", "closed"].includes(this.state);
    if (isNew) voice.state("connecting");
    if (voice.refusal) {
      if (isNew) voice.state("closed");
      throw voice.refusal;
    }
    if (!isNew) return;
    voice.connected();
  }

  async disconnect() {
    voice.calls.push(["disconnect"]);
    voice.state("closed");
  }

  async recording() {
    return new Blob(['{"format":"voicewire.recording/1"}\n'], { type: "application/jsonl" });
  }

  static async microphones() {
    return [
      { deviceId: "default", label: "Default" },
      { deviceId: "a", label: "Built-in microphone" },
      { deviceId: "b", label: "Headset" },
    ];
  }
}

for (const name of [
  "mute", "setHandsFree", "pressToTalk", "releaseToTalk", "interrupt", "sendText", "setMicrophone", "setLocale",
  "setVoice", "setRoute", "setClientVad",
]) {
  VoiceClient.prototype[name] = function (...values) {
    voice.calls.push([name, ...values]);
  };
}
