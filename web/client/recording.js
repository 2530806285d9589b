// The session so far, to be kept as a file.

/**
 * The file is JSON Lines. The first line is the header:
 *
 *     {"format": "voicewire.recording/1", "started": "2026-…Z", "started_ms": …, "dropped": 0, "userAgent": "…"}
 *
 * `started_ms` and every `t_ms` are on the client's clock (milliseconds since 1970, never going back); `dropped` lines
 * fell out at the beginning. Each further line is one WebSocket message, in the order it was sent or received:
 *
 *     {"t_ms": …, "direction": "up", "message": {"type": "session_start", …}}      its token is left out
 *     {"t_ms": …, "direction": "down", "frame": "EQEAAA…"}                         a binary frame, header and all, in base64
 *     {"t_ms": …, "direction": "client", "mark": {"turnId": 1, "mark": "reply.first_audible", "tMs": …}}
 */
export const FORMAT = "voicewire.recording/1";
const MAX_MS = 600_000;
const MAX_BYTES = 32 * 1024 * 1024;

/** @typedef {{t_ms: number, direction: "up" | "down" | "client", message?: object, frame?: Uint8Array, mark?: object, bytes: number}} Line */

/** Bounded: past ten minutes or 32 MiB the oldest lines are dropped. */
export class Recording {
  /** @type {Line[]} from #first on */
  #lines = [];
  #first = 0;
  #bytes = 0;
  #startedMs;

  /** @param {number} nowMs */
  constructor(nowMs) {
    this.#startedMs = nowMs;
  }

  /**
   * @param {number} nowMs
   * @param {"up" | "down" | "client"} direction
   * @param {{message: object} | {frame: Uint8Array} | {mark: object}} what
   */
  add(nowMs, direction, what) {
    if ("message" in what && "token" in what.message) {
      const { token, ...message } = /** @type {{token: unknown}} */ (what.message);
      what = { message };
    }
    const bytes = "frame" in what ? what.frame.length : 200;
    this.#lines.push({ t_ms: nowMs, direction, ...what, bytes });
    this.#bytes += bytes;
    while (this.#bytes > MAX_BYTES || this.#lines[this.#first].t_ms < nowMs - MAX_MS) {
      this.#bytes -= this.#lines[this.#first++].bytes;
    }
    if (this.#first > 10_000) {
      this.#lines.splice(0, this.#first);
      this.#dropped += this.#first;
      this.#first = 0;
    }
  }

  #dropped = 0;

  /** @param {string} [userAgent] @returns {string[]} the file's lines, each with its line end */
  lines(userAgent = "") {
    const header = {
      format: FORMAT,
      started: new Date(this.#startedMs).toISOString(),
      started_ms: this.#startedMs,
      dropped: this.#dropped + this.#first,
      userAgent,
    };
    const lines = this.#lines.slice(this.#first).map(({ bytes: _, frame, ...line }) =>
      frame ? { ...line, frame: base64(frame) } : line);
    return [header, ...lines].map((line) => `${JSON.stringify(line)}\n`);
  }
}

/** @param {Uint8Array} bytes */
function base64(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8_192) text += String.fromCharCode(...bytes.subarray(at, at + 8_192));
  return btoa(text);
}
