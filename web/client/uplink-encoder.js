// Captured blocks into packets.

import { Decimator, toPcm16 } from "../audio/decimator.js";

const RATE = 48_000;
const BLOCK_MS = 20;
/** At 24 kbit/s one recogniser misheard words of a clean recording that it understands at 32. */
const BITRATE = 32_000;
const MAX_FAILURES = 3;

/** TypeScript's own declaration lacks `application` and `signal`. */
export const OPUS_CONFIG = /** @type {AudioEncoderConfig} */ (/** @type {unknown} */ ({
  codec: "opus",
  sampleRate: RATE,
  numberOfChannels: 1,
  bitrate: BITRATE,
  // No DTX: it leaves packets out, and silence must be told from loss.
  opus: { frameDuration: BLOCK_MS * 1000, application: "voip", signal: "voice", complexity: 5 },
}));

/** @typedef {(packet: import("../voicewire/uplink.js").Packet) => void} OnPacket */
/** @typedef {{feed: (position: number, samples: Float32Array<ArrayBuffer>) => void, close: () => void}} UplinkEncoder */

/** Raw Opus packets by WebCodecs. An encoder that fails is replaced; after three times in a row `onFailed` is called. */
export class OpusUplinkEncoder {
  #onPacket;
  #onFailed;
  #failures = 0;
  /** @type {AudioEncoder | null} */
  #encoder;

  /**
   * @param {OnPacket} onPacket
   * @param {(detail: string) => void} onFailed
   */
  constructor(onPacket, onFailed) {
    this.#onPacket = onPacket;
    this.#onFailed = onFailed;
    this.#encoder = this.#create();
  }

  /**
   * @param {number} position
   * @param {Float32Array<ArrayBuffer>} samples
   */
  feed(position, samples) {
    if (!this.#encoder) return;
    const data = new AudioData({
      format: "f32-planar",
      sampleRate: RATE,
      numberOfFrames: samples.length,
      numberOfChannels: 1,
      timestamp: (position * 1_000_000) / RATE,
      data: samples,
    });
    this.#encoder.encode(data);
    data.close();
  }

  close() {
    if (this.#encoder && this.#encoder.state !== "closed") this.#encoder.close();
    this.#encoder = null;
  }

  #create() {
    const encoder = new AudioEncoder({
      output: (chunk) => {
        if (encoder !== this.#encoder) return;
        this.#failures = 0;
        const payload = new Uint8Array(chunk.byteLength);
        chunk.copyTo(payload);
        this.#onPacket({ position: Math.round((chunk.timestamp * RATE) / 1_000_000), durationMs: BLOCK_MS, payload });
      },
      error: (error) => {
        if (encoder !== this.#encoder) return;
        this.#failures += 1;
        this.#encoder = this.#failures < MAX_FAILURES ? this.#create() : null;
        if (!this.#encoder) this.#onFailed(error.message);
      },
    });
    encoder.configure(OPUS_CONFIG);
    return encoder;
  }
}

/** 16-bit samples at 16 kHz. */
export class PcmUplinkEncoder {
  static RATE = 16_000;
  #decimator = new Decimator();
  #onPacket;

  /** @param {OnPacket} onPacket */
  constructor(onPacket) {
    this.#onPacket = onPacket;
  }

  /**
   * @param {number} position
   * @param {Float32Array<ArrayBuffer>} samples
   */
  feed(position, samples) {
    this.#onPacket({ position, durationMs: BLOCK_MS, payload: toPcm16(this.#decimator.feed(samples)) });
  }

  close() {}
}
