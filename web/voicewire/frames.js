// Binary frames: one piece of audio behind a header. docs/protocol.md describes them.

import { CODECS, HEADER_BYTES, KINDS, MAX_PTS, VERSION } from "./types.js";

/** The peer broke the protocol: `code` is stable, `message` is for a person, `field` is what is at fault. */
export class ProtocolError extends Error {
  /**
   * @param {import("./types.js").ErrorCode} code
   * @param {string} message
   * @param {string} [field]
   */
  constructor(code, message, field = "") {
    super(message);
    this.name = "ProtocolError";
    this.code = code;
    this.field = field;
  }
}

/**
 * @typedef {Object} AudioFrame
 * @property {keyof typeof KINDS} kind
 * @property {import("./types.js").Codec} codec
 * @property {number} turnId of the reply; 0 in microphone audio
 * @property {number} sequence
 * @property {number} pts position of the first sample, in samples at the agreed rate
 * @property {Uint8Array} payload empty only at the end of a reply
 */

const kindNames = /** @type {Map<number, keyof typeof KINDS>} */ (byNumber(KINDS));
const codecNames = /** @type {Map<number, import("./types.js").Codec>} */ (byNumber(CODECS));

/**
 * Write a header into the first bytes of `buffer`, so that an encoder can put the payload behind it without a copy.
 *
 * @param {ArrayBuffer} buffer
 * @param {Omit<AudioFrame, "payload">} header
 */
export function writeHeader(buffer, { kind, codec, turnId, sequence, pts }) {
  const view = new DataView(buffer, 0, HEADER_BYTES);
  view.setUint8(0, (VERSION << 4) | KINDS[kind]);
  view.setUint8(1, CODECS[codec]);
  view.setUint16(2, turnId);
  view.setUint32(4, sequence);
  view.setUint32(8, Math.floor(pts / 2 ** 32));
  view.setUint32(12, pts % 2 ** 32);
}

/**
 * @param {AudioFrame} frame
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function serializeFrame(frame) {
  const bytes = new Uint8Array(HEADER_BYTES + frame.payload.length);
  writeHeader(bytes.buffer, frame);
  bytes.set(frame.payload, HEADER_BYTES);
  return bytes;
}

/**
 * The payload is a view into `data`, not a copy.
 *
 * @param {ArrayBuffer | Uint8Array} data
 * @returns {AudioFrame}
 * @throws {ProtocolError} `malformed_frame`
 */
export function parseFrame(data) {
  const bytes = data instanceof Uint8Array ? data : new Uint8Array(data);
  if (bytes.length < HEADER_BYTES) {
    throw malformed(`a binary frame has a header of ${HEADER_BYTES} bytes; this one has ${bytes.length} bytes`, "header");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  const first = view.getUint8(0);
  if (first >> 4 !== VERSION) throw malformed(`frame version ${first >> 4} is not ${VERSION}`, "version");
  const kind = kindNames.get(first & 0x0f);
  if (kind === undefined) throw malformed(`frame kind ${first & 0x0f} is not known`, "kind");
  const codec = codecNames.get(view.getUint8(1));
  if (codec === undefined) throw malformed(`codec number ${view.getUint8(1)} is not known`, "codec");
  const pts = view.getUint32(8) * 2 ** 32 + view.getUint32(12);
  if (pts > MAX_PTS) throw malformed(`the position is above ${MAX_PTS}`, "pts");
  return {
    kind,
    codec,
    turnId: view.getUint16(2),
    sequence: view.getUint32(4),
    pts,
    payload: bytes.subarray(HEADER_BYTES),
  };
}

/**
 * The payload of an `opus` frame: each packet behind its length.
 *
 * @param {Uint8Array[]} packets
 * @returns {Uint8Array}
 */
export function packPackets(packets) {
  const payload = new Uint8Array(packets.reduce((sum, packet) => sum + 2 + packet.length, 0));
  let at = 0;
  for (const packet of packets) {
    payload[at] = packet.length >> 8;
    payload[at + 1] = packet.length & 0xff;
    payload.set(packet, at + 2);
    at += 2 + packet.length;
  }
  return payload;
}

/**
 * The packets of an `opus` payload, as views into it.
 *
 * @param {Uint8Array} payload
 * @returns {Uint8Array[]}
 * @throws {ProtocolError} `malformed_frame`
 */
export function unpackPackets(payload) {
  const packets = [];
  let at = 0;
  while (at < payload.length) {
    if (at + 2 > payload.length) throw malformed("the last packet's length is cut off", "payload");
    const length = (payload[at] << 8) | payload[at + 1];
    at += 2;
    if (length === 0) throw malformed("an Opus packet has at least one byte", "payload");
    if (at + length > payload.length) {
      throw malformed(`a packet of ${length} bytes is announced and ${payload.length - at} are there`, "payload");
    }
    packets.push(payload.subarray(at, at + length));
    at += length;
  }
  return packets;
}

/**
 * @param {string} message
 * @param {string} field
 */
function malformed(message, field) {
  return new ProtocolError("malformed_frame", message, field);
}

/** @param {Record<string, number>} numbers */
function byNumber(numbers) {
  return new Map(Object.entries(numbers).map(([name, number]) => [number, name]));
}
