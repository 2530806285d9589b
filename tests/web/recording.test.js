import assert from "node:assert/strict";
import { test } from "node:test";

import { Recording } from "../../web/client/recording.js";

function parsed(recording) {
  return recording.lines("agent").map((line) => JSON.parse(line));
}

test("messages, frames and marks are kept in order with their times", () => {
  const recording = new Recording(1_000);
  recording.add(1_001, "up", { message: { type: "text_input", text: "hello" } });
  recording.add(1_002, "down", { frame: Uint8Array.of(0x12, 1, 0, 1) });
  recording.add(1_003, "client", { mark: { turnId: 1, mark: "reply.first_audible", tMs: 5 } });
  assert.deepEqual(parsed(recording), [
    { format: "voicewire.recording/1", started: "1970-01-01T00:00:01.000Z", started_ms: 1_000, dropped: 0, userAgent: "agent" },
    { t_ms: 1_001, direction: "up", message: { type: "text_input", text: "hello" } },
    { t_ms: 1_002, direction: "down", frame: "EgEAAQ==" },
    { t_ms: 1_003, direction: "client", mark: { turnId: 1, mark: "reply.first_audible", tMs: 5 } },
  ]);
});

test("a token is not kept", () => {
  const recording = new Recording(0);
  recording.add(1, "up", { message: { type: "session_start", token: "secret", resume_token: null } });
  assert.deepEqual(parsed(recording)[1].message, { type: "session_start", resume_token: null });
});

test("past ten minutes the oldest is dropped, and counted", () => {
  const recording = new Recording(0);
  for (let at = 0; at <= 11_000; at++) recording.add(at * 100, "up", { message: { at } });
  const [header, first, ...others] = parsed(recording);
  assert.deepEqual([header.dropped, first.message.at, others.length], [5_000, 5_000, 6_000]);
});

test("past 32 MiB too", () => {
  const recording = new Recording(0);
  const mebibyte = new Uint8Array(1024 * 1024);
  for (let at = 0; at < 40; at++) recording.add(at, "down", { frame: mebibyte });
  assert.equal(parsed(recording)[0].dropped, 8);
});
