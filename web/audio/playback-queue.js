// What the loudspeaker gets next. Pure: it counts samples, and runs in the audio thread.

const RATE = 48_000;
const FADE = (5 * RATE) / 1000;
/** How much is wanted before playing goes on: more after each underrun, less after each reply without one. */
const LEAD_STEP = (40 * RATE) / 1000;
const MAX_LEAD = (400 * RATE) / 1000;
const LEAD_DECAY = 0.75;
/** The server sends half a second ahead; a queue this long means that it does not keep to that. */
const CAPACITY = 30 * RATE;
/** Quieter than this is silence between sounds. */
const AUDIBLE = 10 ** (-45 / 20);
const AUDIBLE_WINDOW = (5 * RATE) / 1000;

/**
 * @typedef {{turnId: number, samples: Float32Array, ends: boolean, audibleAt: number}} Piece
 * @typedef {Object} PlaybackReport
 * @property {number} turnId
 * @property {number} playedSamples given to the loudspeaker
 * @property {number} idleSamples silence given to the loudspeaker since the last of them
 * @property {number} bufferedSamples
 * @property {boolean} playing
 * @property {boolean} paused the reply is, and has faded out
 * @property {boolean} ended the reply was played to its end
 * @property {number} underruns of the session
 * @property {number} leadSamples
 */

/**
 * Replies one behind the other. A reply starts with its first piece (or with the lead, once there were underruns); when
 * the queue runs dry before the reply's end, that is an underrun: silence until the lead is there again, or the time
 * it stands for has passed. A reply that is paused fades out and stands still, and fades in with the sample behind that.
 * Bounded: past 30 s of audio the newest is refused.
 */
export class PlaybackQueue {
  /** @type {Piece[]} */
  #pieces = [];
  /** Of the first piece. */
  #offset = 0;
  #buffered = 0;
  #turnId = 0;
  #played = 0;
  #idle = 0;
  #playing = false;
  #waited = 0;
  #lead = 0;
  #underrunsOfReply = 0;
  /** @type {Float32Array | null} what would have been played next of a flushed reply, to be faded out */
  #tail = null;
  #faded = 0;
  /** How loud the tail begins. */
  #tailGain = 1;
  /** How loud the next sample is, in steps of a whole fade. */
  #gain = FADE;
  /** @type {Set<number>} turns that are paused, also such as have not begun */
  #paused = new Set();
  /** It was noticed that the reply is silent for a pause. */
  #held = false;
  #heardAudible = false;
  #ended = false;
  underruns = 0;
  refused = 0;
  /** Since it was last looked at: a reply began, ended, ran dry or was flushed. */
  changed = false;
  /** Index in the last `pull` of the first audible sample of a reply, or -1. */
  audibleAt = -1;
  /** Index in the last `pull` behind the last sound of a flushed reply, or -1. */
  silentAt = -1;
  /** Index in the last `pull` behind the last sound of a reply that was paused, or -1. */
  heldAt = -1;

  /**
   * @param {number} turnId
   * @param {Float32Array} samples at 48 kHz
   * @returns {boolean} whether there was room
   */
  push(turnId, samples) {
    if (this.#buffered + samples.length > CAPACITY) {
      this.refused += samples.length;
      return false;
    }
    this.#pieces.push({ turnId, samples, ends: false, audibleAt: firstAudible(samples) });
    this.#buffered += samples.length;
    return true;
  }

  /** The reply has no more audio. @param {number} turnId */
  end(turnId) {
    this.#pieces.push({ turnId, samples: new Float32Array(0), ends: true, audibleAt: -1 });
  }

  /** If it is playing it fades out within 5 ms; nothing of it is dropped. @param {number} turnId */
  pause(turnId) {
    if (turnId < this.#turnId || (turnId === this.#turnId && this.#ended)) return;
    this.#paused.add(turnId);
  }

  /** Go on with the next sample. @param {number} turnId */
  resume(turnId) {
    if (!this.#paused.delete(turnId) || turnId !== this.#turnId) return;
    this.#held = false;
    this.changed = true;
  }

  /** Drop a reply; if it is playing it fades out within 5 ms. @param {number} turnId */
  flush(turnId) {
    if (this.#turnId === turnId && this.#playing) {
      if (this.#gain > 0) {
        this.#tail = this.#upcoming(this.#gain);
        this.#tailGain = this.#gain / FADE;
        this.#faded = 0;
      }
      this.#gain = FADE;
      this.#playing = false;
      this.changed = true;
    }
    this.#paused.delete(turnId);
    if (this.#pieces[0]?.turnId === turnId) this.#offset = 0;
    this.#pieces = this.#pieces.filter((piece) => piece.turnId !== turnId);
    this.#buffered = this.#pieces.reduce((sum, { samples }) => sum + samples.length, 0) - this.#offset;
  }

  /** Drop everything, and forget the turns: their ids will come again. */
  reset() {
    for (const turnId of new Set([this.#turnId, ...this.#pieces.map((piece) => piece.turnId)])) this.flush(turnId);
    this.#turnId = 0;
    this.#paused.clear();
  }

  /** @returns {PlaybackReport} */
  report() {
    return {
      turnId: this.#turnId,
      playedSamples: this.#played,
      idleSamples: this.#idle,
      bufferedSamples: this.#buffered,
      playing: this.#playing && !this.#isHeld,
      paused: this.#isHeld,
      ended: this.#ended,
      underruns: this.underruns,
      leadSamples: this.#lead,
    };
  }

  /** Fill a block. @param {Float32Array} out */
  pull(out) {
    out.fill(0);
    this.audibleAt = -1;
    this.silentAt = -1;
    this.heldAt = -1;
    this.#fadeOut(out);
    let at = 0;
    while (at < out.length && this.#next(out.length - at)) {
      const [piece] = this.#pieces;
      const room = this.#isPaused ? Math.min(out.length - at, this.#gain) : out.length - at;
      const taken = Math.min(room, piece.samples.length - this.#offset);
      if (taken > 0) this.#play(piece, out, at, taken);
      at += taken;
    }
    if (this.#playing && at < out.length) {
      if (this.#isPaused) this.#gain = 0;
      else this.#ranDry();
    }
    this.#hold(at);
    if (at === 0) this.#idle += out.length;
    else if (at < out.length) this.#idle = out.length - at;
    else this.#idle = 0;
  }

  get #isPaused() {
    return this.#paused.has(this.#turnId);
  }

  /** Paused, and faded out where it was playing. */
  get #isHeld() {
    return this.#isPaused && (!this.#playing || this.#gain === 0);
  }

  /** Whether the first piece has samples to play now. @param {number} wanted */
  #next(wanted) {
    for (;;) {
      const piece = this.#pieces[0];
      if (!piece) return false;
      if (piece.turnId !== this.#turnId || this.#ended) this.#begin(piece.turnId);
      if (this.#isHeld && this.#offset < piece.samples.length) return false;
      if (!this.#playing && !this.#mayStart(wanted)) return false;
      if (this.#offset < piece.samples.length) return true;
      this.#pieces.shift();
      this.#offset = 0;
      if (piece.ends) this.#finish();
    }
  }

  /** @param {number} turnId */
  #begin(turnId) {
    this.#turnId = turnId;
    this.#played = 0;
    this.#waited = 0;
    this.#ended = false;
    this.#underrunsOfReply = 0;
    this.#heardAudible = false;
    this.#gain = FADE;
    for (const earlier of this.#paused) if (earlier < turnId) this.#paused.delete(earlier);
    if (this.#isPaused) this.changed = true;
  }

  /** @param {number} wanted */
  #mayStart(wanted) {
    const isComplete = this.#pieces.some((piece) => piece.ends && piece.turnId === this.#turnId);
    if (this.#buffered < this.#lead && this.#waited < this.#lead && !isComplete) {
      this.#waited += wanted;
      return false;
    }
    this.#playing = true;
    this.#waited = 0;
    this.changed = true;
    return true;
  }

  /**
   * @param {Piece} piece
   * @param {Float32Array} out
   * @param {number} at
   * @param {number} taken
   */
  #play(piece, out, at, taken) {
    const rises = !this.#isPaused;
    for (let index = 0; index < taken; index++) {
      if (rises && this.#gain < FADE) this.#gain += 1;
      out[at + index] += (piece.samples[this.#offset + index] * this.#gain) / FADE;
      if (!rises) this.#gain -= 1;
    }
    const audible = piece.audibleAt - this.#offset;
    if (!this.#heardAudible && piece.audibleAt >= 0 && audible < taken) {
      this.#heardAudible = true;
      this.audibleAt = at + Math.max(0, audible);
    }
    this.#offset += taken;
    this.#played += taken;
    this.#buffered -= taken;
  }

  #finish() {
    if (this.#underrunsOfReply === 0) this.#lead = Math.floor(this.#lead * LEAD_DECAY);
    this.#playing = false;
    this.#ended = true;
    this.#paused.delete(this.#turnId);
    this.changed = true;
  }

  /** Notice that the reply has faded out for a pause. @param {number} at how much of the block was played */
  #hold(at) {
    const held = this.#playing && this.#isHeld;
    if (held && !this.#held) {
      this.heldAt = at;
      this.changed = true;
    }
    this.#held = held;
  }

  #ranDry() {
    this.underruns += 1;
    this.#underrunsOfReply += 1;
    this.#lead = Math.min(MAX_LEAD, this.#lead + LEAD_STEP);
    this.#playing = false;
    this.#waited = 0;
    this.changed = true;
  }

  /** The next samples of the reply that is playing. @param {number} count */
  #upcoming(count) {
    const samples = new Float32Array(count);
    let filled = 0;
    let offset = this.#offset;
    for (const piece of this.#pieces) {
      if (piece.turnId !== this.#turnId || filled === count) break;
      const part = piece.samples.subarray(offset, offset + count - filled);
      samples.set(part, filled);
      filled += part.length;
      offset = 0;
    }
    return samples.subarray(0, filled);
  }

  /** @param {Float32Array} out */
  #fadeOut(out) {
    const tail = this.#tail;
    if (!tail) return;
    const count = Math.min(out.length, tail.length - this.#faded);
    for (let index = 0; index < count; index++) {
      out[index] = tail[this.#faded + index] * this.#tailGain * (1 - (this.#faded + index + 1) / tail.length);
    }
    this.#faded += count;
    if (this.#faded < tail.length) return;
    this.#tail = null;
    this.silentAt = count;
  }
}

/**
 * Where a piece's first window of 5 ms begins that can be heard, or -1. A window may be cut off by the piece's end.
 *
 * @param {Float32Array} samples
 */
export function firstAudible(samples) {
  for (let at = 0; at < samples.length; at++) {
    if (Math.abs(samples[at]) < AUDIBLE) continue;
    const window = samples.subarray(at, at + AUDIBLE_WINDOW);
    if (window.reduce((sum, sample) => sum + sample * sample, 0) >= window.length * AUDIBLE ** 2) return at;
  }
  return -1;
}
