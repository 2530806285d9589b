// The audio graph: one context at 48 kHz, the microphone in and the loudspeaker out.

import { Problem } from "./problem.js";

const RATE = 48_000;
/** A context that may run does so within this. */
const RESUMING_MS = 1_000;
/**
 * Firefox asks its sound server then and there, and over PulseAudio both now and then wait for each other for ever: 2 of 8
 * runs stood still although it was asked every five seconds only. In other browsers the question costs nothing.
 */
const MAY_BE_ASKED = !("mozInnerScreenX" in globalThis);

/** Capture and playback worklets. Their ports go to the link, wherever that lives. */
export class Sound {
  #context;
  #capture;
  /** @type {MediaStreamAudioSourceNode | null} */
  #source = null;
  /** @type {MediaStreamAudioDestinationNode | null} */
  #recorded = null;

  /**
   * @param {AudioContext} context
   * @param {(level: {db: number, speech: boolean}) => void} onLevel
   */
  constructor(context, onLevel) {
    this.#context = context;
    this.#capture = new AudioWorkletNode(context, "voicewire-capture", {
      numberOfInputs: 1,
      numberOfOutputs: 1,
      outputChannelCount: [1],
      channelCount: 1,
      channelCountMode: "explicit",
    });
    const playback = new AudioWorkletNode(context, "voicewire-playback", {
      numberOfInputs: 0,
      numberOfOutputs: 1,
      outputChannelCount: [1],
    });
    playback.connect(context.destination);
    // Only what leads to the destination is processed: silently, for the microphone.
    const silent = new GainNode(context, { gain: 0 });
    this.#capture.connect(silent).connect(context.destination);
    this.#capture.port.onmessage = ({ data }) => onLevel({ db: data.db, speech: data.speech });
    this.capturePort = portOf(this.#capture);
    this.playbackPort = portOf(playback);
  }

  /** To be called in a click: a browser lets no other page make sounds. @returns {AudioContext} */
  static context() {
    const context = new AudioContext({ sampleRate: RATE, latencyHint: "interactive" });
    void context.resume();
    return context;
  }

  /**
   * @param {AudioContext} context
   * @param {(level: {db: number, speech: boolean}) => void} onLevel
   */
  static async create(context, onLevel) {
    const modules = ["capture", "playback"].map((name) =>
      context.audioWorklet.addModule(new URL(`../audio/${name}-worklet.js`, import.meta.url)),
    );
    await Promise.all([...modules, startedOrLate(context)]);
    return new Sound(context, onLevel);
  }

  /** From the graph to the ear, as far as the browser knows; 0 where it does not. */
  get outputLatencyMs() {
    const { baseLatency, outputLatency } = MAY_BE_ASKED ? this.#context : { baseLatency: 0, outputLatency: 0 };
    // What the graph hands over lies in the context's own buffer first, and then in the device's.
    return outputLatency ? ((baseLatency || 0) + outputLatency) * 1000 : 0;
  }

  /** What a MediaRecorder records: it goes on when the microphone is changed. */
  get recorded() {
    if (!this.#recorded) {
      this.#recorded = new MediaStreamAudioDestinationNode(this.#context, { channelCount: 1 });
      this.#capture.connect(this.#recorded);
    }
    return this.#recorded.stream;
  }

  /** @param {MediaStream | null} stream */
  setMicrophone(stream) {
    this.#source?.disconnect();
    this.#source = stream && new MediaStreamAudioSourceNode(this.#context, { mediaStream: stream });
    this.#source?.connect(this.#capture);
  }

  /** To be called in a click, as `context`. */
  resume() {
    void this.#context.resume();
  }

  /** Tell whenever the browser holds the sound back; a click anywhere then lets it go. @param {(problem: Problem) => void} onBlocked */
  watch(onBlocked) {
    const context = this.#context;
    let timer = 0;
    const resume = () => void context.resume();
    const check = () => {
      clearTimeout(timer);
      removeEventListener("pointerdown", resume);
      removeEventListener("keydown", resume);
      if (context.state === "running" || context.state === "closed") return;
      addEventListener("pointerdown", resume);
      addEventListener("keydown", resume);
      void context.resume();
      timer = setTimeout(() => onBlocked(new Problem("audio_blocked")), RESUMING_MS);
    };
    context.onstatechange = check;
    check();
  }

  async close() {
    this.setMicrophone(null);
    if (this.#context.state !== "closed") await this.#context.close();
  }
}

/** A context that may not run never says so. @param {AudioContext} context */
function startedOrLate(context) {
  return Promise.race([context.resume(), new Promise((resolve) => setTimeout(resolve, RESUMING_MS))]);
}

/** @param {AudioWorkletNode} node */
function portOf(node) {
  const { port1, port2 } = new MessageChannel();
  node.port.postMessage({ port: port1 }, [port1]);
  return port2;
}
