// The ways that microphone audio can go, and which of them this browser has.

import { OPUS_CONFIG, PcmUplinkEncoder } from "./uplink-encoder.js";
import { Problem } from "./problem.js";

/** @typedef {"webcodecs" | "mediarecorder" | "pcm"} Route */
/** @typedef {import("../voicewire/types.js").AudioFormat} AudioFormat */
/** @typedef {{route: Route, input: AudioFormat, mimeType?: string}} ChosenRoute */

/** @type {[mimeType: string, codec: import("../voicewire/types.js").Codec][]} Safari has the last, and older ones no other */
const RECORDED = [
  ["audio/webm;codecs=opus", "webm-opus"],
  ["audio/mp4;codecs=opus", "mp4"],
  ["audio/mp4", "mp4"],
];

/** @returns {Promise<Record<Route, ChosenRoute | null>>} */
async function available() {
  return { webcodecs: await webcodecs(), mediarecorder: mediarecorder(), pcm: pcm() };
}

/** What this browser can do. @returns {Promise<Record<Route, boolean>>} */
export async function routes() {
  const { webcodecs, mediarecorder, pcm } = await available();
  return { webcodecs: webcodecs !== null, mediarecorder: mediarecorder !== null, pcm: pcm !== null };
}

/**
 * The route asked for, or the first that can be had: the quickest, then the one that costs least.
 *
 * @param {Route | "auto"} asked
 * @returns {Promise<ChosenRoute>}
 * @throws {Problem} `route_unsupported`
 */
export async function chooseRoute(asked) {
  const all = await available();
  const chosen = asked === "auto" ? (all.webcodecs ?? all.mediarecorder ?? all.pcm) : all[asked];
  if (!chosen) throw new Problem("route_unsupported", { detail: asked });
  return chosen;
}

/**
 * Formats in which replies can be played, best first.
 *
 * @param {"auto" | "opus" | "pcm"} asked
 * @returns {Promise<AudioFormat[]>}
 */
export async function playable(asked) {
  /** @type {AudioFormat} */
  const plain = { codec: "pcm_s16le", rate: 48_000 };
  /** @type {AudioFormat} */
  const opus = { codec: "opus", rate: 48_000 };
  if (asked === "pcm" || typeof AudioDecoder === "undefined") return [plain];
  const config = { codec: "opus", sampleRate: 48_000, numberOfChannels: 1 };
  const { supported } = await AudioDecoder.isConfigSupported(config).catch(() => ({ supported: false }));
  return supported ? [opus, plain] : [plain];
}

/** @returns {Promise<ChosenRoute | null>} */
async function webcodecs() {
  if (typeof AudioEncoder === "undefined") return null;
  const { supported } = await AudioEncoder.isConfigSupported(OPUS_CONFIG).catch(() => ({ supported: false }));
  return supported ? { route: "webcodecs", input: { codec: "opus", rate: 48_000 } } : null;
}

/** @returns {ChosenRoute | null} */
function mediarecorder() {
  if (typeof MediaRecorder === "undefined") return null;
  const found = RECORDED.find(([mimeType]) => MediaRecorder.isTypeSupported(mimeType));
  return found ? { route: "mediarecorder", input: { codec: found[1], rate: 48_000 }, mimeType: found[0] } : null;
}

/** @returns {ChosenRoute} */
function pcm() {
  return { route: "pcm", input: { codec: "pcm_s16le", rate: PcmUplinkEncoder.RATE } };
}
