// The microphone: opened, watched, and opened again when it is unplugged.

import { Problem } from "./problem.js";

/** What a conversation over a loudspeaker needs. */
const PROCESSED = { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/** @typedef {{deviceId: string, label: string}} Device */

/** @returns {Promise<Device[]>} without labels until the microphone was allowed once */
export async function microphones() {
  if (!navigator.mediaDevices?.enumerateDevices) return [];
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices
    .filter(({ kind }) => kind === "audioinput")
    .map(({ deviceId, label }, at) => ({ deviceId, label: label || `Microphone ${at + 1}` }));
}

/**
 * @typedef {Object} MicrophoneListener
 * @property {(stream: MediaStream) => void} opened
 * @property {() => void} gone
 * @property {(problem: Problem) => void} problem
 * @property {(devices: Device[]) => void} devices
 */

/** One microphone at a time. One that is unplugged is replaced by the system's default as soon as there is one. */
export class Microphone {
  #listener;
  /** @type {MediaStream | null} */
  #stream = null;
  #muted = false;
  #lost = false;
  #closed = false;
  /** A browser tells one change several times: attempts go one after the other. */
  #reopening = Promise.resolve();
  #changed = () => this.#devicesChanged();
  #constraints;

  /**
   * @param {MicrophoneListener} listener
   * @param {MediaTrackConstraints} [constraints] instead of our own
   */
  constructor(listener, constraints = {}) {
    this.#listener = listener;
    this.#constraints = { ...PROCESSED, ...constraints };
    navigator.mediaDevices?.addEventListener("devicechange", this.#changed);
  }

  /** From the sound to the browser, as far as it knows; 0 where it does not. */
  get latencyMs() {
    const settings = this.#stream?.getAudioTracks()[0]?.getSettings();
    // TypeScript's own declaration lacks `latency`.
    return (/** @type {{latency?: number} | undefined} */ (settings)?.latency ?? 0) * 1000;
  }

  /**
   * @param {string} [deviceId] the system's default when there is none (any more)
   * @throws {Problem}
   */
  async open(deviceId) {
    const stream = await request(this.#constraints, deviceId);
    if (this.#closed) {
      stop(stream);
      return;
    }
    if (this.#stream) stop(this.#stream);
    this.#stream = stream;
    this.#lost = false;
    const [track] = stream.getAudioTracks();
    track.enabled = !this.#muted;
    track.onended = () => this.#ended(stream);
    track.onmute = () => {
      if (!this.#closed && !this.#muted) this.#listener.problem(new Problem("microphone_muted"));
    };
    this.#listener.opened(stream);
  }

  /** A muted microphone gives digital silence. @param {boolean} muted */
  setMuted(muted) {
    this.#muted = muted;
    for (const track of this.#stream?.getAudioTracks() ?? []) track.enabled = !muted;
  }

  close() {
    this.#closed = true;
    navigator.mediaDevices?.removeEventListener("devicechange", this.#changed);
    if (this.#stream) stop(this.#stream);
    this.#stream = null;
  }

  /** @param {MediaStream} stream */
  async #ended(stream) {
    if (this.#closed || stream !== this.#stream) return;
    this.#stream = null;
    this.#lost = true;
    this.#listener.gone();
    await this.#reopen();
    if (this.#lost && !this.#closed) this.#listener.problem(new Problem("microphone_unplugged"));
  }

  async #devicesChanged() {
    this.#listener.devices(await microphones());
    await this.#reopen();
  }

  #reopen() {
    return (this.#reopening = this.#reopening.then(async () => {
      if (!this.#lost || this.#closed) return;
      try {
        await this.open();
      } catch {
        return;
      }
      this.#listener.problem(new Problem("microphone_changed"));
    }));
  }
}

/**
 * @param {MediaTrackConstraints} audio
 * @param {string} [deviceId]
 */
async function request(audio, deviceId) {
  const media = navigator.mediaDevices;
  if (!media?.getUserMedia) throw new Problem(isSecureContext ? "browser_unsupported" : "insecure_context", { fatal: true });
  try {
    return await media.getUserMedia({ audio: deviceId ? { ...audio, deviceId: { exact: deviceId } } : audio });
  } catch (error) {
    const isGone = error instanceof DOMException && ["OverconstrainedError", "NotFoundError"].includes(error.name);
    if (!deviceId || !isGone) throw Problem.ofMicrophone(error);
  }
  try {
    return await media.getUserMedia({ audio });
  } catch (error) {
    throw Problem.ofMicrophone(error);
  }
}

/** @param {MediaStream} stream */
function stop(stream) {
  for (const track of stream.getTracks()) {
    track.onended = null;
    track.onmute = null;
    track.stop();
  }
}
