// From 48 kHz to 16 kHz, and from floats to 16-bit samples. Pure.

const FACTOR = 3;
const TAPS = 63;
/** A little below the new Nyquist frequency of 8 kHz, in parts of 48 kHz. */
const CUTOFF = 7_200 / 48_000;

const kernel = windowedSinc();

/** Keeps every third sample behind a low-pass filter; what is above 8 kHz would fold back into the speech. */
export class Decimator {
  #history = new Float32Array(TAPS - 1);

  /**
   * @param {Float32Array} samples at 48 kHz, a multiple of three of them
   * @returns {Float32Array<ArrayBuffer>} at 16 kHz
   */
  feed(samples) {
    const all = new Float32Array(this.#history.length + samples.length);
    all.set(this.#history);
    all.set(samples, this.#history.length);
    const out = new Float32Array(samples.length / FACTOR);
    for (let at = 0; at < out.length; at++) {
      let sum = 0;
      for (let tap = 0; tap < TAPS; tap++) sum += kernel[tap] * all[at * FACTOR + tap];
      out[at] = sum;
    }
    this.#history = all.slice(all.length - this.#history.length);
    return out;
  }
}

/**
 * Little-endian 16-bit samples, clipped.
 *
 * @param {Float32Array} samples
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function toPcm16(samples) {
  const bytes = new Uint8Array(samples.length * 2);
  const view = new DataView(bytes.buffer);
  samples.forEach((sample, at) => {
    view.setInt16(at * 2, Math.round(Math.max(-1, Math.min(1, sample)) * 32_767), true);
  });
  return bytes;
}

/**
 * The other way.
 *
 * @param {Uint8Array} bytes an even number of them
 * @returns {Float32Array<ArrayBuffer>}
 */
export function fromPcm16(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: bytes.length >> 1 }, (_, at) => view.getInt16(at * 2, true) / 32_768);
}

function windowedSinc() {
  const middle = (TAPS - 1) / 2;
  const taps = Float64Array.from({ length: TAPS }, (_, at) => {
    const x = at - middle;
    const sinc = x === 0 ? 2 * CUTOFF : Math.sin(2 * Math.PI * CUTOFF * x) / (Math.PI * x);
    return sinc * (0.54 - 0.46 * Math.cos((2 * Math.PI * at) / (TAPS - 1)));
  });
  const sum = taps.reduce((total, tap) => total + tap, 0);
  return taps.map((tap) => tap / sum);
}
