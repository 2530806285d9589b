// Microphone audio on its way up: counted, gated, held back and shed. Pure: it knows neither a socket nor a clock.

import { packPackets, serializeFrame } from "./frames.js";
import { CODECS } from "./types.js";

/** Sent and not acknowledged, at most. */
export const WINDOW_MS = 2_000;
/** Waiting behind a full window, at most: what is older is shed. */
export const QUEUE_MS = 1_000;
/** Kept from before the gate opened, so that no first syllable is lost. */
export const PREROLL_MS = 400;
/** The network counts as slow until what is in flight is less than this. */
const RECOVERED_MS = 1_000;
/** `bufferedAmount` below this holds nothing back: a socket drains it in milliseconds. */
const MIN_BUFFERED_BYTES = 16_384;
const CAPTURE_RATE = 48_000;
/** What a piece of a container counts for in the sequence when it was not recorded. */
const PIECE_MS = 100;

/**
 * @typedef {Object} Packet one piece of audio as an encoder gives it
 * @property {number} position of its first sample since the capture began, in samples at 48 kHz
 * @property {number} durationMs
 * @property {Uint8Array} payload
 */

/** @typedef {{frame: Uint8Array<ArrayBuffer>, durationMs: number} | {end: true}} Item what to send next: a frame, or `audio_end` */

const CONTAINERS = new Set(["webm-opus", "mp4", "ogg-opus"]);

/**
 * One connection's microphone audio.
 *
 * Between `feed` and `take` lies one queue, of packets and of ends of speech. While the gate is closed, packets wait in
 * the pre-roll, and fall out of it after PREROLL_MS. While more than WINDOW_MS is unacknowledged (or `bufferedAmount`
 * grows to that much), nothing is taken; packets past QUEUE_MS are shed, oldest first, and the sequence and pts of what
 * follows jump over them. A container's pieces are never left out: `isFull` asks for its recorder to be paused.
 */
export class Uplink {
  /** @type {Packet[]} */
  #preroll = [];
  #prerollMs = 0;
  /** @type {(Packet | {end: true})[]} */
  #queue = [];
  #queuedMs = 0;
  /** @type {{sequence: number, durationMs: number, bytes: number}[]} */
  #flight = [];
  #flightMs = 0;
  #flightBytes = 0;
  /** Of a container's next piece; elsewhere the position tells it. */
  #sequence = 0;
  #begun = false;
  /** @type {number | null} position of the connection's first sample */
  #base = null;
  #isOpen = true;
  /** @type {number | null} the gate closes, or speech ends, once audio up to here has come */
  #closesAt = null;
  /** @type {number | null} */
  #endsAt = null;
  #fedTo = 0;
  #bytesPerMs = 0;
  shedMs = 0;
  sentBytes = 0;
  sentFrames = 0;
  slowNetwork = false;

  /** @param {import("./types.js").AudioFormat} format as agreed */
  constructor({ codec, rate = CAPTURE_RATE }) {
    this.codec = codec;
    this.rate = rate;
    this.isContainer = CONTAINERS.has(codec);
    if (!(codec in CODECS)) throw new TypeError(`${codec} is no codec`);
  }

  /** Sent and not acknowledged. */
  get flightMs() {
    return this.#flightMs;
  }

  /** Not sent yet. */
  get queuedMs() {
    return this.#queuedMs;
  }

  /** A container's recorder must pause: its pieces cannot be shed. */
  get isFull() {
    return this.isContainer && this.#queuedMs >= QUEUE_MS;
  }

  /** Position of the first sample that was counted, in samples at 48 kHz; null before it, and in a container. */
  get base() {
    return this.isContainer ? null : this.#base;
  }

  /** The session is ready: counting begins with what was kept, and what is let through may be taken. */
  begin() {
    this.#begun = true;
    if (this.#preroll.length > 0) this.#base = this.#preroll[0].position;
    if (this.#isOpen) this.#release();
  }

  /** Until `begin`, the newest QUEUE_MS are kept of what the gate lets through. @param {Packet} packet */
  feed(packet) {
    this.#fedTo = packet.position + (packet.durationMs * CAPTURE_RATE) / 1000;
    if (this.#begun) this.#base ??= packet.position;
    if (this.#begun && this.#isOpen) {
      this.#enqueue(packet);
      this.#shed();
    } else {
      this.#preroll.push(packet);
      this.#prerollMs += packet.durationMs;
      const kept = this.#isOpen ? QUEUE_MS : PREROLL_MS;
      while (this.#prerollMs > kept) this.#prerollMs -= this.#preroll.shift()?.durationMs ?? 0;
    }
    this.#settle();
  }

  /** A container's recorder was paused: what it did not record counts as shed. @param {number} durationMs */
  skip(durationMs) {
    this.#sequence += Math.round(durationMs / PIECE_MS);
    this.shedMs += durationMs;
  }

  /** Send what the pre-roll has, and what comes. */
  open() {
    this.#closesAt = null;
    if (this.#isOpen) return;
    this.#isOpen = true;
    if (this.#begun) this.#release();
  }

  /** Send up to `position`, then nothing more. @param {number} position */
  close(position) {
    this.#closesAt = position;
    this.#settle();
  }

  /** `audio_end` follows the audio up to `position`. @param {number} position */
  end(position) {
    this.#endsAt = position;
    this.#settle();
  }

  /** Do not wait for audio that may never come. */
  endAnyway() {
    if (this.#endsAt !== null) this.end(-1);
  }

  /** Close at once, and forget what waits: what a muted microphone heard is nobody's business. */
  silence() {
    this.#closesAt = null;
    this.#isOpen = false;
    this.#forgetPreroll();
  }

  /** The server has decoded all up to this frame. @param {number} sequence */
  acknowledge(sequence) {
    while (this.#flight.length > 0 && this.#flight[0].sequence <= sequence) {
      const { durationMs, bytes } = /** @type {{durationMs: number, bytes: number}} */ (this.#flight.shift());
      this.#flightMs -= durationMs;
      this.#flightBytes -= bytes;
    }
    if (this.#flightMs + this.#queuedMs < RECOVERED_MS) this.slowNetwork = false;
  }

  /**
   * What to send now, in order.
   *
   * @param {number} [bufferedAmount] of the socket, in bytes
   * @returns {Item[]}
   */
  take(bufferedAmount = 0) {
    if (!this.#begun) return [];
    /** @type {Item[]} */
    const items = [];
    while (this.#queue.length > 0 && !this.#isHeld(bufferedAmount)) {
      const next = /** @type {Packet | {end: true}} */ (this.#queue.shift());
      if ("end" in next) {
        items.push(next);
        continue;
      }
      this.#queuedMs -= next.durationMs;
      const sequence = this.#count(next);
      const frame = this.#frame(next, sequence);
      bufferedAmount += frame.length;
      this.#flight.push({ sequence, durationMs: next.durationMs, bytes: frame.length });
      this.#flightMs += next.durationMs;
      this.#flightBytes += frame.length;
      this.#bytesPerMs = this.#flightBytes / this.#flightMs;
      this.sentBytes += frame.length;
      this.sentFrames += 1;
      items.push({ frame, durationMs: next.durationMs });
    }
    this.#shed();
    return items;
  }

  /** @param {Packet} packet */
  #enqueue(packet) {
    this.#queue.push(packet);
    this.#queuedMs += packet.durationMs;
  }

  /** Ends and closings whose audio has come take effect. */
  #settle() {
    if (this.#endsAt !== null && this.#fedTo >= this.#endsAt) {
      this.#endsAt = null;
      this.#queue.push({ end: true });
    }
    if (this.#closesAt !== null && this.#fedTo >= this.#closesAt) {
      this.#closesAt = null;
      this.#isOpen = false;
    }
  }

  /** @param {number} bufferedAmount */
  #isHeld(bufferedAmount) {
    if (this.#flightMs >= WINDOW_MS || bufferedAmount >= Math.max(MIN_BUFFERED_BYTES, this.#bytesPerMs * WINDOW_MS)) {
      this.slowNetwork = true;
      return true;
    }
    return false;
  }

  /** What waits behind a full window is bounded; the newest is worth most. */
  #shed() {
    if (this.isContainer) return;
    for (let at = 0; this.#queuedMs > QUEUE_MS && at < this.#queue.length; ) {
      const oldest = this.#queue[at];
      if ("end" in oldest) {
        at += 1;
        continue;
      }
      this.#queue.splice(at, 1);
      this.#queuedMs -= oldest.durationMs;
      this.shedMs += oldest.durationMs;
    }
    // Two ends with nothing left between them say no more than one.
    this.#queue = this.#queue.filter((item, at) => !("end" in item && at > 0 && "end" in this.#queue[at - 1]));
  }

  #release() {
    for (const packet of this.#preroll) this.#enqueue(packet);
    this.#forgetPreroll();
  }

  #forgetPreroll() {
    this.#preroll = [];
    this.#prerollMs = 0;
  }

  /** Of the microphone's packets, sent or not, this is which. @param {Packet} packet */
  #count({ position, durationMs }) {
    if (this.isContainer) return this.#sequence++;
    return Math.round(((position - (this.#base ?? 0)) * 1000) / (CAPTURE_RATE * durationMs));
  }

  /**
   * @param {Packet} packet
   * @param {number} sequence
   */
  #frame({ position, payload }, sequence) {
    return serializeFrame({
      kind: "audio_chunk",
      codec: this.codec,
      turnId: 0,
      sequence,
      pts: this.isContainer ? 0 : Math.round(((position - (this.#base ?? 0)) * this.rate) / CAPTURE_RATE),
      payload: this.codec === "opus" ? packPackets([payload]) : payload,
    });
  }
}
