import assert from "node:assert/strict";
import { test } from "node:test";

import { parseFrame, unpackPackets } from "../../web/voicewire/frames.js";
import { PREROLL_MS, QUEUE_MS, Uplink, WINDOW_MS } from "../../web/voicewire/uplink.js";

const FRAME = 960;
const OPUS = { codec: "opus", rate: 48_000 };

/** Packets of 20 ms from number `first` on; each holds its number. */
function packets(count, first = 0) {
  return Array.from({ length: count }, (_, at) => ({
    position: (first + at) * FRAME,
    durationMs: 20,
    payload: Uint8Array.of(0xf8, (first + at) >> 8, (first + at) & 0xff),
  }));
}

function begun(format = OPUS) {
  const uplink = new Uplink(format);
  uplink.begin();
  return uplink;
}

function feed(uplink, count, first = 0) {
  for (const packet of packets(count, first)) uplink.feed(packet);
}

/** What was taken, in short: sequence numbers, and "end". */
function taken(uplink, bufferedAmount = 0) {
  return uplink.take(bufferedAmount).map((item) => ("end" in item ? "end" : parseFrame(item.frame).sequence));
}

function range(from, to) {
  return Array.from({ length: to - from }, (_, at) => from + at);
}

test("a packet becomes a frame whose sequence and pts count from the connection's first sample", () => {
  const uplink = begun();
  feed(uplink, 2, 7);
  const frames = uplink.take().map(({ frame }) => parseFrame(frame));
  assert.deepEqual(
    frames.map(({ kind, codec, turnId, sequence, pts }) => ({ kind, codec, turnId, sequence, pts })),
    [0, 1].map((at) => ({ kind: "audio_chunk", codec: "opus", turnId: 0, sequence: at, pts: at * FRAME })),
  );
  assert.deepEqual(unpackPackets(frames[1].payload), [Uint8Array.of(0xf8, 0, 8)]);
});

test("pts counts at the agreed rate", () => {
  const uplink = begun({ codec: "pcm_s16le", rate: 16_000 });
  feed(uplink, 3);
  assert.deepEqual(uplink.take().map(({ frame }) => parseFrame(frame).pts), [0, 320, 640]);
});

test("before the session is ready nothing is taken, and the newest second is kept", () => {
  const uplink = new Uplink(OPUS);
  feed(uplink, 80);
  assert.deepEqual(taken(uplink), []);
  uplink.begin();
  assert.deepEqual(taken(uplink), range(0, QUEUE_MS / 20));
  assert.equal(uplink.base, 30 * FRAME);
});

test("while the gate is closed nothing is sent, and opening it sends the pre-roll first", () => {
  const uplink = begun();
  uplink.silence();
  feed(uplink, 100);
  assert.deepEqual(taken(uplink), []);
  uplink.open();
  feed(uplink, 1, 100);
  assert.deepEqual(taken(uplink), range(100 - PREROLL_MS / 20, 101));
});

test("the gate closes, and the end follows, once audio up to there has come", () => {
  const uplink = begun();
  feed(uplink, 2);
  uplink.end(3 * FRAME);
  uplink.close(3 * FRAME);
  feed(uplink, 1, 2);
  feed(uplink, 5, 3);
  assert.deepEqual(taken(uplink), [0, 1, 2, "end"]);
});

test("what was not sent is still counted", () => {
  const uplink = begun();
  feed(uplink, 1);
  uplink.silence();
  feed(uplink, 100, 1);
  uplink.silence();
  uplink.open();
  feed(uplink, 1, 101);
  const frames = uplink.take().map(({ frame }) => parseFrame(frame));
  assert.deepEqual(frames.map(({ sequence, pts }) => [sequence, pts]), [[0, 0], [101, 101 * FRAME]]);
});

test("an end whose audio does not come is sent anyway when asked to", () => {
  const uplink = begun();
  feed(uplink, 1);
  uplink.end(9 * FRAME);
  assert.deepEqual(taken(uplink), [0]);
  uplink.endAnyway();
  uplink.endAnyway();
  assert.deepEqual(taken(uplink), ["end"]);
});

test("two seconds are in flight at most; an acknowledgement makes room", () => {
  const uplink = begun();
  feed(uplink, 40);
  assert.equal(taken(uplink).length, 40);
  for (let first = 40; first < 120; first += 20) {
    feed(uplink, 20, first);
    taken(uplink);
  }
  assert.equal(uplink.flightMs, WINDOW_MS);
  assert.equal(uplink.queuedMs, 400);
  assert.equal(uplink.slowNetwork, true);
  uplink.acknowledge(9);
  assert.deepEqual(taken(uplink), range(100, 110));
  assert.equal(uplink.shedMs, 0);
});

test("past a second behind a full window the oldest is shed, and sequence and pts jump over it", () => {
  const uplink = begun();
  for (let first = 0; first < 100; first += 20) {
    feed(uplink, 20, first);
    taken(uplink);
  }
  for (let first = 100; first < 200; first++) {
    feed(uplink, 1, first);
    taken(uplink);
  }
  assert.equal(uplink.queuedMs, QUEUE_MS);
  assert.equal(uplink.shedMs, 1_000);
  uplink.acknowledge(99);
  const frames = uplink.take().map(({ frame }) => parseFrame(frame));
  assert.deepEqual(frames.map(({ sequence }) => sequence), range(150, 200));
  assert.equal(frames[0].pts, 150 * FRAME);
  assert.equal(uplink.slowNetwork, true);
  uplink.acknowledge(150);
  assert.equal(uplink.slowNetwork, false);
});

test("ends of speech are never shed, and several in a row are one", () => {
  const uplink = begun();
  for (let first = 0; first < 100; first += 20) {
    feed(uplink, 20, first);
    taken(uplink);
  }
  feed(uplink, 10, 100);
  uplink.end(-1);
  feed(uplink, 10, 110);
  uplink.end(-1);
  feed(uplink, 60, 120);
  uplink.acknowledge(99);
  assert.deepEqual(taken(uplink), ["end", ...range(130, 180)]);
});

test("a socket that buffers two seconds' worth holds back as well", () => {
  const uplink = begun();
  feed(uplink, 1);
  assert.deepEqual(taken(uplink, 16_384), []);
  assert.equal(uplink.slowNetwork, true);
  assert.deepEqual(taken(uplink, 16_383), [0]);
});

test("a container's pieces are never left out; when too many wait it asks for a pause, and counts it", () => {
  const uplink = begun({ codec: "webm-opus", rate: 48_000 });
  for (let at = 0; at < 20; at++) uplink.feed({ position: at, durationMs: 100, payload: Uint8Array.of(at) });
  assert.equal(uplink.isFull, true);
  assert.deepEqual(taken(uplink), range(0, 20));
  for (let at = 20; at < 40; at++) uplink.feed({ position: at, durationMs: 100, payload: Uint8Array.of(at) });
  assert.deepEqual(taken(uplink), []);
  assert.equal(uplink.isFull, true);
  assert.equal(uplink.shedMs, 0);
  uplink.skip(500);
  uplink.acknowledge(19);
  const frames = uplink.take().map(({ frame }) => parseFrame(frame));
  assert.deepEqual(frames.map(({ sequence, pts }) => [sequence, pts]), range(25, 45).map((sequence) => [sequence, 0]));
  assert.equal(uplink.shedMs, 500);
  assert.equal(uplink.base, null);
});
