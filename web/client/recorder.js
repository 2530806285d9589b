// The MediaRecorder route: pieces of one byte stream.

/** Chromium makes it 120, its packets being 60 ms long. */
const PIECE_MS = 100;
const BITRATE = 32_000;

/** @typedef {(bytes: Uint8Array<ArrayBuffer>, durationMs: number, ends: boolean) => void} OnPiece */

/** One recorder a session: a byte stream cannot be gone on with in another. */
export class Recorder {
  #recorder;
  #onPiece;
  /** Blobs are read one after the other, so that their order is kept. */
  #reading = Promise.resolve();
  #lastMs = 0;
  #ends = false;

  /**
   * @param {MediaStream} stream
   * @param {string} mimeType
   * @param {OnPiece} onPiece
   */
  constructor(stream, mimeType, onPiece) {
    this.#onPiece = onPiece;
    this.#recorder = new MediaRecorder(stream, { mimeType, audioBitsPerSecond: BITRATE });
    this.#recorder.ondataavailable = ({ data }) => this.#available(data);
    this.#lastMs = performance.now();
    this.#recorder.start(PIECE_MS);
  }

  pause() {
    if (this.#recorder.state === "recording") this.#recorder.pause();
  }

  resume() {
    if (this.#recorder.state !== "paused") return;
    this.#lastMs = performance.now();
    this.#recorder.resume();
  }

  /** Give what there is: speech has ended. */
  cut() {
    if (this.#recorder.state === "inactive") return;
    this.#ends = true;
    this.#recorder.requestData();
  }

  stop() {
    this.#recorder.ondataavailable = null;
    if (this.#recorder.state !== "inactive") this.#recorder.stop();
  }

  /** @param {Blob} data */
  #available(data) {
    const now = performance.now();
    const durationMs = this.#recorder.state === "recording" ? now - this.#lastMs : PIECE_MS;
    this.#lastMs = now;
    const ends = this.#ends;
    this.#ends = false;
    this.#reading = this.#reading.then(async () => {
      this.#onPiece(new Uint8Array(await data.arrayBuffer()), data.size > 0 ? durationMs : 0, ends);
    });
  }
}
