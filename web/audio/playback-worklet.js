// The loudspeaker in the audio thread.

import { PlaybackQueue } from "./playback-queue.js";

const REPORT_MS = 100;

/**
 * Through the port that the node's own port gave come `audio`, `end`, `pause`, `resume`, `flush` and `reset`; back go
 * `report`s, ten a second while playing and whenever something changes, `audible` with a reply's first sound, `held`
 * behind the last sound before a pause and `silent` behind the last one of a flushed reply. `timeMs` is the context's time.
 *
 * @typedef {{type: "audio", turnId: number, samples: Float32Array<ArrayBuffer>} | {type: "end", turnId: number}
 *   | {type: "pause" | "resume" | "flush", turnId: number} | {type: "reset"}} PlaybackCommand
 * @typedef {({type: "report"} & import("./playback-queue.js").PlaybackReport & {timeMs: number})
 *   | {type: "audible" | "held" | "silent", turnId: number, timeMs: number}} PlaybackEvent
 */
class Playback extends AudioWorkletProcessor {
  #queue = new PlaybackQueue();
  /** @type {MessagePort | null} */
  #port = null;
  #reportedFrame = 0;
  #flushed = 0;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => {
      this.#port = /** @type {MessagePort} */ (data.port);
      this.#port.onmessage = (event) => this.#obey(event.data);
    };
  }

  /** @param {PlaybackCommand} command */
  #obey(command) {
    switch (command.type) {
      case "audio":
        this.#queue.push(command.turnId, command.samples);
        break;
      case "end":
        this.#queue.end(command.turnId);
        break;
      case "pause":
        this.#queue.pause(command.turnId);
        break;
      case "resume":
        this.#queue.resume(command.turnId);
        break;
      case "flush":
        this.#flushed = command.turnId;
        this.#queue.flush(command.turnId);
        break;
      case "reset":
        this.#queue.reset();
        break;
    }
  }

  /**
   * @param {Float32Array[][]} _inputs
   * @param {Float32Array[][]} outputs
   */
  process(_inputs, [[out, ...others]]) {
    const queue = this.#queue;
    queue.pull(out);
    for (const other of others) other.set(out);
    const { turnId, playing } = queue.report();
    if (queue.audibleAt >= 0) this.#tell({ type: "audible", turnId, timeMs: this.#timeMs(queue.audibleAt) });
    if (queue.heldAt >= 0) this.#tell({ type: "held", turnId, timeMs: this.#timeMs(queue.heldAt) });
    if (queue.silentAt >= 0) this.#tell({ type: "silent", turnId: this.#flushed, timeMs: this.#timeMs(queue.silentAt) });
    if (queue.changed || (playing && currentFrame - this.#reportedFrame >= (REPORT_MS * sampleRate) / 1000)) {
      queue.changed = false;
      this.#reportedFrame = currentFrame;
      this.#tell({ type: "report", ...queue.report(), timeMs: this.#timeMs(out.length) });
    }
    return true;
  }

  /** @param {number} index in this block */
  #timeMs(index) {
    return ((currentFrame + index) * 1000) / sampleRate;
  }

  /** @param {PlaybackEvent} event */
  #tell(event) {
    this.#port?.postMessage(event);
  }
}

registerProcessor("voicewire-playback", Playback);
