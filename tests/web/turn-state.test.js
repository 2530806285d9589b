import assert from "node:assert/strict";
import { test } from "node:test";

import { TurnState } from "../../web/client/turn-state.js";

function after(...happenings) {
  const turns = new TurnState();
  turns.setPhase("ready");
  for (const happening of happenings) {
    if ("type" in happening) turns.received(happening);
    else turns.played(happening);
  }
  return turns.state;
}

const started = { type: "speech_started", turn_id: 1 };
const stopped = { type: "speech_stopped", turn_id: 1 };
const playing = { turnId: 1, playing: true, ended: false };
const dry = { turnId: 1, playing: false, ended: false };
const heard = { turnId: 1, playing: false, ended: true };

test("a turn goes from listening over hearing, thinking and speaking back to listening", () => {
  assert.equal(after(), "listening");
  assert.equal(after(started), "hearing");
  assert.equal(after(started, stopped), "thinking");
  assert.equal(after(started, stopped, playing), "speaking");
  assert.equal(after(started, stopped, playing, heard), "listening");
});

test("who goes on after a pause is heard again", () => {
  assert.equal(after(started, stopped, started), "hearing");
});

test("an underrun is no end of the reply", () => {
  assert.equal(after(started, stopped, playing, dry), "speaking");
});

test("a cough over a reply does not change what is shown; a barge-in does", () => {
  const over = { type: "speech_started", turn_id: 2 };
  assert.equal(after(started, stopped, playing, over), "speaking");
  assert.equal(after(started, stopped, playing, over, { type: "reply_cancelled", turn_id: 1 }), "hearing");
});

test("a turn without words ends in listening", () => {
  assert.equal(after(started, stopped, { type: "turn_end", turn_id: 1 }), "listening");
});

test("typed input is thought about as well", () => {
  assert.equal(after({ type: "transcript_final", turn_id: 1 }), "thinking");
});

test("without a session the connection's phase is the state", () => {
  const turns = new TurnState();
  assert.equal(turns.state, "idle");
  turns.setPhase("ready");
  turns.received(started);
  turns.setPhase("reconnecting");
  assert.equal(turns.state, "reconnecting");
  turns.setPhase("ready");
  assert.equal(turns.state, "listening");
});

test("a pause is no end of speaking", () => {
  const turns = new TurnState();
  turns.setPhase("ready");
  turns.played({ turnId: 1, playing: true, ended: false });
  turns.played({ turnId: 1, playing: false, ended: false });
  turns.received({ type: "reply_paused", turn_id: 1 });
  assert.equal(turns.state, "speaking");
  turns.received({ type: "reply_resumed", turn_id: 1 });
  assert.equal(turns.state, "speaking");
});
