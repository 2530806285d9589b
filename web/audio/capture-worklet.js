// The microphone in the audio thread: blocks of 20 ms, their level, and where speech begins and ends.

import { dbfs, EnergyVad } from "./energy-vad.js";

const BLOCK_MS = 20;
const LEVEL_BLOCKS = 2;

/**
 * What comes through the port that `{port}` gave: `block` with 20 ms of mono samples, `vad` with an edge. Positions
 * count samples since the first microphone; `timeMs` is the context's time at the end of the block, `lastSpeech` where
 * speech was last heard. The node's own port
 * gets `level`. The input goes through to the output as mono, for a MediaRecorder.
 *
 * @typedef {{type: "block", position: number, timeMs: number, lastSpeech: number,
 *   samples: Float32Array<ArrayBuffer>}} CapturedBlock
 * @typedef {{type: "vad"} & import("./energy-vad.js").VadEdge} CapturedEdge
 */
class Capture extends AudioWorkletProcessor {
  /** @type {MessagePort | null} */
  #to = null;
  #began = false;
  #samples = (sampleRate * BLOCK_MS) / 1000;
  #block = new Float32Array(this.#samples);
  #filled = 0;
  #position = 0;
  #vad = new EnergyVad(sampleRate);
  #power = 0;
  #blocks = 0;
  #silence = new Float32Array(128);

  constructor() {
    super();
    this.port.onmessage = ({ data }) => {
      this.#to = data.port;
    };
  }

  /**
   * @param {Float32Array[][]} inputs
   * @param {Float32Array[][]} outputs
   */
  process([input], [output]) {
    this.#began ||= input.length > 0;
    if (!this.#began) return true;
    // Between two microphones there is no input: silence keeps the positions going.
    const samples = input[0] ?? this.#silence;
    for (const channel of output) channel.set(samples);
    for (const edge of this.#vad.feed(samples)) this.#to?.postMessage({ type: "vad", ...edge });
    for (let at = 0; at < samples.length; ) {
      const taken = Math.min(samples.length - at, this.#samples - this.#filled);
      this.#block.set(samples.subarray(at, at + taken), this.#filled);
      this.#filled += taken;
      at += taken;
      if (this.#filled === this.#samples) this.#send(((currentFrame + at) * 1000) / sampleRate);
    }
    return true;
  }

  /** @param {number} timeMs */
  #send(timeMs) {
    const samples = this.#block;
    for (const sample of samples) this.#power += sample * sample;
    if (++this.#blocks === LEVEL_BLOCKS) {
      const db = dbfs(this.#power / (LEVEL_BLOCKS * this.#samples));
      this.port.postMessage({ type: "level", db, speech: this.#vad.speech });
      this.#blocks = 0;
      this.#power = 0;
    }
    const position = this.#position;
    this.#position += this.#samples;
    this.#block = new Float32Array(this.#samples);
    this.#filled = 0;
    this.#to?.postMessage({ type: "block", position, timeMs, lastSpeech: this.#vad.lastSpeech, samples }, [
      samples.buffer,
    ]);
  }
}

registerProcessor("voicewire-capture", Capture);
