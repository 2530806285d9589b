import assert from "node:assert/strict";
import { test } from "node:test";

import { ProtocolError } from "../../web/voicewire/frames.js";
import { parseMessage, serializeMessage } from "../../web/voicewire/messages.js";
import { DOWN_TYPES, UP_TYPES } from "../../web/voicewire/types.js";
import { vectors } from "./vectors.js";

const { valid, malformed } = vectors("messages");

/** What of `fields` the sender wrote: not the defaults that a receiver fills in, nor what it ignores. */
function written(fields, sent) {
  if (Array.isArray(fields)) return fields.map((item, at) => written(item, sent[at]));
  if (fields === null || typeof fields !== "object") return fields;
  return Object.fromEntries(
    Object.keys(fields)
      .filter((name) => name in sent)
      .map((name) => [name, written(fields[name], sent[name])]),
  );
}

for (const { name, direction, text, fields } of valid) {
  test(`a message is parsed: ${name}`, () => {
    const message = parseMessage(text, direction);
    const { colour, ...known } = message;
    assert.deepEqual(known, written(fields, message));
  });

  if (direction === "up") {
    test(`a message survives being sent: ${name}`, () => {
      assert.deepEqual(parseMessage(serializeMessage(fields), direction), fields);
    });
  }
}

// What is wrong with a field, or with another version's fields, is for the server to find.
for (const { name, direction, text, code, field } of malformed.filter(
  (vector) => ["malformed_json", "unknown_type"].includes(vector.code) || vector.field === "type",
)) {
  test(`a malformed message is refused: ${name}`, () => {
    assert.throws(
      () => parseMessage(text, direction),
      (error) => {
        assert(error instanceof ProtocolError);
        assert.deepEqual({ code: error.code, field: error.field }, { code, field });
        return true;
      },
    );
  });
}

test("every type has a vector", () => {
  const covered = (direction) => new Set(valid.filter((v) => v.direction === direction).map((v) => v.fields.type));
  assert.deepEqual(covered("up"), new Set(UP_TYPES));
  assert.deepEqual(covered("down"), new Set(DOWN_TYPES));
});

test("a client cannot send what only a server may", () => {
  assert.throws(() => serializeMessage({ type: "session_ready" }), TypeError);
});
