// For the browser whose decoder does not give 48 kHz. Pure.

/**
 * By linear interpolation, piece by piece without a seam.
 */
export class LinearResampler {
  #step;
  #at = 0;
  #last = 0;

  /**
   * @param {number} from samples a second
   * @param {number} to samples a second
   */
  constructor(from, to) {
    this.#step = from / to;
  }

  /**
   * @param {Float32Array} samples
   * @returns {Float32Array<ArrayBuffer>}
   */
  feed(samples) {
    // Position 0 is the last sample of the piece before, position 1 the first of this one.
    const count = Math.max(0, Math.ceil((samples.length - this.#at) / this.#step));
    const out = new Float32Array(count);
    for (let index = 0; index < count; index++) {
      const position = this.#at + index * this.#step;
      const before = Math.floor(position);
      const left = before === 0 ? this.#last : samples[before - 1];
      out[index] = left + (samples[before] - left) * (position - before);
    }
    this.#at += count * this.#step - samples.length;
    this.#last = samples[samples.length - 1] ?? this.#last;
    return out;
  }
}
