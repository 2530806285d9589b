// The reply's audio into samples at 48 kHz.

import { fromPcm16 } from "../audio/decimator.js";
import { LinearResampler } from "../audio/resample.js";
import { unpackPackets } from "../voicewire/frames.js";
import { FRAME_MS } from "../voicewire/types.js";

const RATE = 48_000;
const FRAME_SAMPLES = (RATE * FRAME_MS) / 1000;
/** 20 ms of silence: a codec's first packet is the dear one. */
const SILENT_PACKET = Uint8Array.of(0xf8, 0xff, 0xfe);

/**
 * @typedef {Object} DecodedListener
 * @property {(turnId: number, samples: Float32Array<ArrayBuffer>) => void} samples
 * @property {(turnId: number) => void} ended after the last of its samples
 */

/** Opus by WebCodecs. A corrupt packet closes its decoder: then there is another, and 20 ms of silence. */
export class OpusSpeechDecoder {
  #listener;
  /** @type {number[]} turns of the packets that were put in and have not come out; 0 for one that nobody wants */
  #waiting = [];
  #turnId = 0;
  #fed = 0;
  /** The turn whose end was told and may not have come out, or 0. */
  #ending = 0;
  /** @type {LinearResampler | null} */
  #resampler = null;
  #decoder;
  #closed = false;
  failures = 0;

  /** @param {DecodedListener} listener */
  constructor(listener) {
    this.#listener = listener;
    this.#decoder = this.#create();
    this.#decode(SILENT_PACKET, 0);
  }

  /**
   * @param {number} turnId
   * @param {Uint8Array} payload
   */
  feed(turnId, payload) {
    if (turnId !== this.#turnId) {
      this.#turnId = turnId;
      // Each reply is a stream of its own; what the one before has left in the decoder is only there to be heard out.
      if (this.#waiting.every((waiting) => waiting === 0)) this.#reset();
    }
    for (const packet of unpackPackets(payload)) this.#decode(packet, turnId);
  }

  /** @param {number} turnId */
  end(turnId) {
    const decoder = this.#decoder;
    decoder.flush().then(
      () => {
        if (decoder === this.#decoder && this.#ending === turnId) {
          this.#ending = 0;
          this.#listener.ended(turnId);
        }
      },
      (error) => {
        // Reset or replaced while it flushed: then nobody waits for this end, or `#replace` has told it.
        if (error.name !== "AbortError" && error.name !== "EncodingError") throw error;
      },
    );
    this.#ending = turnId;
  }

  /** Forget what is being decoded of a reply. @param {number} turnId */
  drop(turnId) {
    if (turnId === this.#turnId) this.#reset();
  }

  close() {
    this.#closed = true;
    if (this.#decoder.state !== "closed") this.#decoder.close();
  }

  /**
   * @param {Uint8Array} packet
   * @param {number} turnId
   */
  #decode(packet, turnId) {
    this.#waiting.push(turnId);
    this.#decoder.decode(
      new EncodedAudioChunk({ type: "key", timestamp: this.#fed++ * FRAME_MS * 1000, data: packet }),
    );
  }

  #create() {
    const decoder = new AudioDecoder({
      output: (data) => {
        if (decoder === this.#decoder) this.#output(data);
        else data.close();
      },
      error: () => {
        if (decoder === this.#decoder && !this.#closed) this.#replace();
      },
    });
    decoder.configure({ codec: "opus", sampleRate: RATE, numberOfChannels: 1 });
    return decoder;
  }

  #reset() {
    this.#waiting = [];
    this.#ending = 0;
    this.#decoder.reset();
    this.#decoder.configure({ codec: "opus", sampleRate: RATE, numberOfChannels: 1 });
  }

  #replace() {
    this.failures += 1;
    this.#decoder = this.#create();
    for (const turnId of this.#waiting) if (turnId) this.#listener.samples(turnId, new Float32Array(FRAME_SAMPLES));
    this.#waiting = [];
    if (this.#ending) this.#listener.ended(this.#ending);
    this.#ending = 0;
  }

  /** @param {AudioData} data */
  #output(data) {
    const turnId = this.#waiting.shift();
    if (turnId) {
      const samples = new Float32Array(data.numberOfFrames);
      data.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
      this.#listener.samples(turnId, this.#atRate(samples, data.sampleRate));
    }
    data.close();
  }

  /**
   * @param {Float32Array<ArrayBuffer>} samples
   * @param {number} rate
   */
  #atRate(samples, rate) {
    if (rate === RATE) return samples;
    this.#resampler ??= new LinearResampler(rate, RATE);
    return this.#resampler.feed(samples);
  }
}

/** 16-bit samples at 48 kHz, for a browser without an Opus decoder. */
export class PcmSpeechDecoder {
  #listener;
  failures = 0;

  /** @param {DecodedListener} listener */
  constructor(listener) {
    this.#listener = listener;
  }

  /**
   * @param {number} turnId
   * @param {Uint8Array} payload
   */
  feed(turnId, payload) {
    this.#listener.samples(turnId, fromPcm16(payload));
  }

  /** @param {number} turnId */
  end(turnId) {
    this.#listener.ended(turnId);
  }

  drop() {}

  close() {}
}
