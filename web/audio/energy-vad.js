// Where speech begins and ends, by energy alone. Pure: it counts samples, and runs in the audio thread.

/** One decision each 10 ms. */
const FRAME_MS = 10;
const ON_FRAMES = 3;
const OFF_MS = 300;
/** Over the noise floor: to begin, and to go on. */
const ON_DB = 10;
const GO_ON_DB = 6;
/** Quieter than this is never speech. */
const MIN_DBFS = -55;
/** The floor is the quietest moment of the last three seconds, kept as the minima of ten bins. */
const BIN_FRAMES = 30;
const BINS = 10;
export const SILENCE_DBFS = -100;

/** @typedef {{speech: boolean, position: number}} VadEdge speech begins at `position`, or was last heard there; in samples */

/**
 * Level of some samples in dBFS, with a full-scale square wave at 0.
 *
 * @param {number} power mean square
 */
export function dbfs(power) {
  return power > 1e-10 ? 10 * Math.log10(power) : SILENCE_DBFS;
}

/**
 * Speech begins with three loud frames of 10 ms in a row, and ends when none was loud for 300 ms. Both are dated back:
 * to the first of the three, and to the end of the last loud one.
 */
export class EnergyVad {
  #frameSamples;
  #power = 0;
  #filled = 0;
  #position = 0;
  /** @type {number[]} */
  #bins = [];
  #offSamples;
  #binMin = Infinity;
  #binFrames = 0;
  #loudFrames = 0;
  /** Where speech was last heard; also a moment that was too short to count. */
  lastSpeech = 0;
  speech = false;
  /** Of the newest frame. */
  db = SILENCE_DBFS;

  /** @param {number} rate samples a second */
  constructor(rate) {
    this.#frameSamples = (rate * FRAME_MS) / 1000;
    this.#offSamples = (rate * OFF_MS) / 1000;
  }

  /** How loud it is when nobody speaks, in dBFS. */
  get floorDb() {
    const min = Math.min(this.#binMin, ...this.#bins);
    return Number.isFinite(min) ? min : SILENCE_DBFS;
  }

  /**
   * @param {Float32Array} samples any number of them
   * @returns {VadEdge[]}
   */
  feed(samples) {
    /** @type {VadEdge[]} */
    const edges = [];
    for (const sample of samples) {
      this.#power += sample * sample;
      if (++this.#filled < this.#frameSamples) continue;
      this.#position += this.#filled;
      const edge = this.#decide(dbfs(this.#power / this.#filled));
      if (edge) edges.push(edge);
      this.#power = 0;
      this.#filled = 0;
    }
    return edges;
  }

  /**
   * @param {number} db
   * @returns {VadEdge | undefined}
   */
  #decide(db) {
    this.db = db;
    const over = db - this.floorDb;
    this.#learn(db);
    const loud = db >= MIN_DBFS && over >= (this.speech ? GO_ON_DB : ON_DB);
    this.#loudFrames = loud ? this.#loudFrames + 1 : 0;
    if (loud) this.lastSpeech = this.#position;
    if (!this.speech && this.#loudFrames >= ON_FRAMES) {
      this.speech = true;
      return { speech: true, position: this.#position - ON_FRAMES * this.#frameSamples };
    }
    if (this.speech && this.#position - this.lastSpeech >= this.#offSamples) {
      this.speech = false;
      return { speech: false, position: this.lastSpeech };
    }
    return undefined;
  }

  /** @param {number} db */
  #learn(db) {
    this.#binMin = Math.min(this.#binMin, db);
    if (++this.#binFrames < BIN_FRAMES) return;
    this.#bins.push(this.#binMin);
    if (this.#bins.length > BINS) this.#bins.shift();
    this.#binMin = Infinity;
    this.#binFrames = 0;
  }
}
