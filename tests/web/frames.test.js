import assert from "node:assert/strict";
import { test } from "node:test";

import {
  packPackets,
  parseFrame,
  ProtocolError,
  serializeFrame,
  unpackPackets,
  writeHeader,
} from "../../web/voicewire/frames.js";
import { CODECS, HEADER_BYTES, KINDS } from "../../web/voicewire/types.js";
import { bytes, vectors } from "./vectors.js";

const frames = vectors("frames");
const packets = vectors("opus_packets");

function fields({ kind, codec, turn_id: turnId, sequence, pts, payload }) {
  return { kind, codec, turnId, sequence, pts, payload: bytes(payload) };
}

for (const vector of frames.valid) {
  test(`a frame is parsed and serialized: ${vector.name}`, () => {
    assert.deepEqual(parseFrame(bytes(vector.hex)), fields(vector));
    assert.deepEqual(serializeFrame(fields(vector)), bytes(vector.hex));
  });
}

for (const vector of frames.malformed) {
  test(`a malformed frame is refused: ${vector.name}`, () => {
    assert.throws(() => parseFrame(bytes(vector.hex)), refusal(vector));
  });
}

for (const vector of [...packets.valid, ...packets.other_durations]) {
  test(`packets are unpacked and packed: ${vector.name}`, () => {
    assert.deepEqual(unpackPackets(bytes(vector.payload)), vector.packets.map(bytes));
    assert.deepEqual(packPackets(vector.packets.map(bytes)), bytes(vector.payload));
  });
}

for (const vector of packets.malformed) {
  test(`a malformed payload is refused: ${vector.name}`, () => {
    assert.throws(() => unpackPackets(bytes(vector.payload)), refusal(vector));
  });
}

test("every kind and every codec has a vector", () => {
  assert.deepEqual(new Set(frames.valid.map((vector) => vector.kind)), new Set(Object.keys(KINDS)));
  assert.deepEqual(new Set(frames.valid.map((vector) => vector.codec)), new Set(Object.keys(CODECS)));
});

test("a frame is parsed from the middle of a buffer", () => {
  const frame = bytes(frames.valid[0].hex);
  const buffer = new Uint8Array(frame.length + 10);
  buffer.set(frame, 5);
  assert.deepEqual(parseFrame(buffer.subarray(5, 5 + frame.length)), fields(frames.valid[0]));
});

test("an ArrayBuffer, as a WebSocket gives it, is a frame as well", () => {
  assert.deepEqual(parseFrame(bytes(frames.valid[0].hex).buffer), fields(frames.valid[0]));
});

test("a header is written before a payload that is there already", () => {
  const [vector] = frames.valid;
  const buffer = new Uint8Array(HEADER_BYTES + bytes(vector.payload).length);
  buffer.set(bytes(vector.payload), HEADER_BYTES);
  writeHeader(buffer.buffer, fields(vector));
  assert.deepEqual(buffer, bytes(vector.hex));
});

function refusal({ code, field }) {
  return (error) => {
    assert(error instanceof ProtocolError);
    assert.deepEqual({ code: error.code, field: error.field }, { code, field });
    assert.notEqual(error.message, "");
    return true;
  };
}
