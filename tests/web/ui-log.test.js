import assert from "node:assert/strict";
import { test } from "node:test";

import { KINDS, MOST_OF_A_KIND, filtered, logged, messageEntry } from "../../web/ui/log.js";
import { DOWN_TYPES, UP_TYPES } from "../../web/voicewire/types.js";

const entry = (kind, name, text = "") => ({ atMs: 0, kind, name, turnId: null, text });

test("of each kind the newest are kept, whatever else comes, and ids go on", () => {
  let log = logged([], entry("speech", "speech_started"));
  for (let at = 0; at < MOST_OF_A_KIND + 3; at += 1) log = logged(log, entry("audio", "audio_ack"));
  assert.deepEqual([log.length, log[0].id, log[1].id, log.at(-1).id], [MOST_OF_A_KIND + 1, 1, 5, MOST_OF_A_KIND + 4]);
});

test("every message of the protocol has its kind", () => {
  const kinds = new Set(KINDS.map(({ kind }) => kind));
  for (const type of [...DOWN_TYPES, ...UP_TYPES]) assert(kinds.has(messageEntry({ type }, 0).kind), type);
});

test("a line tells the fields, rounded, without what opens doors", () => {
  const ready = { type: "session_ready", session_id: "s-1", resume_token: "secret", token: "secret", lead_ms: 400.04, field: null };
  assert.deepEqual(messageEntry(ready, 12), {
    atMs: 12,
    kind: "session",
    name: "session_ready",
    turnId: null,
    text: "session_id “s-1”, lead_ms 400",
  });
});

test("a long field is cut", () => {
  assert(messageEntry({ type: "llm_token", turn_id: 1, index: 0, text: "x".repeat(900) }, 0).text.length < 200);
});

test("filters by kind and by text, in either case", () => {
  const log = [entry("speech", "speech_started"), entry("reply", "llm_token", "“Noon”"), entry("audio", "audio_ack")];
  const names = (filter) => filtered(log, filter).map(({ name }) => name);
  assert.deepEqual(names({ kinds: ["speech", "reply"], text: "" }), ["speech_started", "llm_token"]);
  assert.deepEqual(names({ kinds: ["speech", "reply"], text: " noon " }), ["llm_token"]);
  assert.deepEqual(names({ kinds: [], text: "" }), []);
});
