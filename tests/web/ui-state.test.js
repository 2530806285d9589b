import assert from "node:assert/strict";
import { test } from "node:test";

import { isInterruptible, presence } from "../../web/ui/presence.js";
import { mainButton, words } from "../../web/ui/stage.js";
import { MOST_TURNS, initial, reduce, timeline } from "../../web/ui/state.js";

const READY = { type: "session_ready", session_id: "s", resume_token: "r", input: {}, output: {}, engines: {}, lead_ms: 400 };

const client = (state) => ({ type: "client_state", state, atMs: 0 });
const message = (fields) => ({ type: "message", message: fields, atMs: 0 });
const after = (...events) => events.reduce(reduce, initial());
const open = [client("connecting"), message(READY), client("listening")];
const last = (state) => state.announcements.at(-1)?.text;

test("a new page is idle, and its button starts", () => {
  assert.equal(presence(initial()), "idle");
  assert.deepEqual(mainButton(initial()), { label: "Start talking", pressed: null, does: "start" });
});

test("while it connects the button does nothing", () => {
  assert.equal(mainButton(after(client("connecting"))).does, "nothing");
});

test("hands-free, the button mutes", () => {
  assert.deepEqual(mainButton(after(...open)), { label: "Mute", pressed: null, does: "mute" });
});

test("push-to-talk waits for the button, and hears while it is held", () => {
  const waiting = after(...open, { type: "hands_free", handsFree: false });
  assert.equal(presence(waiting), "waiting");
  const held = reduce(waiting, { type: "talking", talking: true, clockMs: 0 });
  assert.equal(presence(held), "hearing");
  assert.deepEqual(mainButton(held), { label: "Release to send", pressed: true, does: "talk" });
});

test("while the button is held it hears, whatever the server makes of a pause", () => {
  const held = after(...open, { type: "hands_free", handsFree: false }, { type: "talking", talking: true, clockMs: 0 });
  assert.equal(presence(reduce(held, client("thinking"))), "hearing");
  assert.equal(presence(reduce(held, client("reconnecting"))), "reconnecting");
});

test("muted is shown in place of listening, and beside speaking", () => {
  const muted = after(...open, { type: "muted", muted: true });
  assert.equal(presence(muted), "muted");
  const speaking = reduce(muted, client("speaking"));
  assert.equal(presence(speaking), "speaking");
  assert.equal(words(speaking).title, "Speaking, and you are muted");
});

test("without a microphone one types, and the button brings it back", () => {
  const typing = after({ type: "microphone", microphone: false }, ...open);
  assert.equal(presence(typing), "typing");
  assert.deepEqual(mainButton(typing), { label: "Talk", pressed: null, does: "start" });
});

test("a reply can be stopped while it is sought and spoken", () => {
  const states = ["listening", "hearing", "thinking", "speaking", "reconnecting"];
  assert.deepEqual(states.filter((state) => isInterruptible(after(...open, client(state)))), ["thinking", "speaking"]);
});

test("the end of a session unmutes", () => {
  assert.equal(after(...open, { type: "muted", muted: true }, client("closed")).muted, false);
});

test("turns of another connection are other turns", () => {
  const spoken = (text) => message({ type: "transcript_final", turn_id: 1, text });
  const state = after(...open, spoken("one"), client("reconnecting"), message(READY), client("listening"), spoken("two"));
  assert.deepEqual(state.turns.map(({ key, transcript, outcome }) => [key, transcript, outcome]), [
    ["1-1", "one", "lost"],
    ["2-1", "two", null],
  ]);
});

test("a turn in which the session ends is told from one in which the connection breaks", () => {
  const spoken = message({ type: "transcript_final", turn_id: 1, text: "one" });
  const outcome = (...states) => after(...open, spoken, ...states.map(client)).turns[0].outcome;
  assert.deepEqual([outcome("closed"), outcome("reconnecting"), outcome("reconnecting", "closed")], ["ended", "lost", "lost"]);
});

test("the oldest turns are forgotten", () => {
  const turns = Array.from({ length: MOST_TURNS + 5 }, (_, at) => message({ type: "transcript_final", turn_id: at + 1, text: "x" }));
  const state = after(...open, ...turns);
  assert.equal(state.turns.length, MOST_TURNS);
  assert.equal(state.turns[0].turnId, 6);
});

test("typed text is shown at once, and becomes a turn", () => {
  const sent = after(...open, { type: "text_sent", text: "hello" });
  assert.deepEqual(sent.typed, ["hello"]);
  const turned = reduce(sent, message({ type: "transcript_final", turn_id: 1, text: "hello" }));
  assert.deepEqual(turned.typed, []);
  assert.equal(turned.turns[0].typed, true);
});

test("what is typed is not read out, what is said is", () => {
  const typed = after(...open, { type: "text_sent", text: "hello" }, message({ type: "transcript_final", turn_id: 1, text: "hello" }));
  assert.equal(last(typed), "Connected. Speak now.");
  assert.equal(last(reduce(typed, message({ type: "transcript_final", turn_id: 2, text: "and you" }))), "You said: and you");
});

test("a screen reader is told of connections, and of the end of one that was", () => {
  assert.equal(last(after(...open, client("reconnecting"), client("listening"), message(READY))), "Connected again.");
  assert.equal(last(after(...open, client("closed"))), "The session is over.");
  assert.equal(last(after(client("connecting"), client("closed"))), "Connecting.");
});

test("a screen reader is told final texts only", () => {
  const partial = message({ type: "transcript_partial", turn_id: 1, text: "what", stable_chars: 0 });
  const token = message({ type: "llm_token", turn_id: 1, index: 0, text: "Noon." });
  const before = after(...open).announcements.length;
  const state = after(...open, client("hearing"), partial, client("thinking"), token, client("speaking"));
  assert.equal(state.announcements.length, before);
  assert.equal(last(reduce(state, message({ type: "turn_end", turn_id: 1, outcome: "completed" }))), "Answer: Noon.");
});

test("of a reply cut short, what was heard is told", () => {
  const cut = message({ type: "reply_cancelled", turn_id: 1, reason: "barge_in", heard_ms: 1, heard_text: "Once upon" });
  assert.equal(last(after(...open, cut)), "Answer, cut short: Once upon");
});

test("a slow network is told when it begins and when it ends", () => {
  const stats = (slowNetwork) => ({ type: "stats", stats: { slowNetwork } });
  assert.match(last(after(...open, stats(true), stats(true))), /^Slow network/);
  assert.match(last(after(...open, stats(true), stats(false))), /recovered/);
  assert.equal(last(after(...open, stats(false))), "Connected. Speak now.");
});

test("a turn keeps the clocks' offset as it was when it ended, and never has another connection's", () => {
  const stats = (offsetMs) => ({ type: "stats", stats: { offsetMs } });
  const turn = (turn_id) => message({ type: "transcript_final", turn_id, text: "one" });
  const end = message({ type: "turn_end", turn_id: 1, outcome: "completed" });
  const offsets = (...events) => after(...open, ...events).turns.map(({ offsetMs }) => offsetMs);
  assert.deepEqual(offsets(stats(5), turn(1), stats(6), end, stats(7), turn(2)), [6, 7]);
  assert.deepEqual(offsets(turn(1), end, stats(5), stats(6)), [5]);
  assert.deepEqual(offsets(turn(1), stats(5), client("reconnecting"), message(READY), turn(1), stats(null)), [5, null]);
});

test("a turn of push-to-talk has the release of the button, a typed one has not", () => {
  const talking = (talking, clockMs) => ({ type: "talking", talking, clockMs });
  const final = (turn_id, text) => message({ type: "transcript_final", turn_id, text });
  const released = (...events) => after(...open, ...events).turns.map(({ releasedMs }) => releasedMs);
  const held = [{ type: "hands_free", handsFree: false }, talking(true, 10), talking(false, 20), final(1, "one")];
  assert.deepEqual(released(...held, { type: "text_sent", text: "two" }, final(2, "two")), [20, null]);
  assert.deepEqual(released(...held, { type: "hands_free", handsFree: true }, final(2, "two")), [20, null]);
  assert.deepEqual(released(final(1, "one")), [null]);
});

test("history is bounded", () => {
  const many = Array.from({ length: 300 }, (_, at) => ({ type: "stats", stats: { uplinkMs: at } }));
  const { history } = after(...many);
  assert.deepEqual([history.length, history.at(-1).uplinkMs], [120, 299]);
});

test("one problem of a code is shown, the latest three", () => {
  const problem = (code, title = code) => ({ type: "problem", problem: { code, title, advice: "", fatal: false }, atMs: 0 });
  const state = after(problem("a"), problem("b"), problem("a", "again"), problem("c"), problem("d"));
  assert.deepEqual(state.problems.map(({ title }) => title), ["again", "c", "d"]);
});

test("a problem goes when it is dismissed, when a session opens, and a passing one when a turn succeeds", () => {
  const error = (fatal) => ({ type: "problem", problem: { code: "stt_failed", title: "No", advice: "", fatal }, atMs: 0 });
  const end = message({ type: "turn_end", turn_id: 1, outcome: "completed" });
  assert.equal(after(error(true), { type: "problem_dismissed", code: "stt_failed" }).problems.length, 0);
  assert.equal(after(error(true), message(READY)).problems.length, 0);
  assert.equal(after(error(false), end).problems.length, 0);
  assert.equal(after(error(true), end).problems.length, 1);
});

test("the first report of a playhead dates the reply's first sample", () => {
  const playback = (playedMs, clockMs) => ({ type: "playback", turnId: 1, playing: true, playedMs, clockMs, atMs: 0 });
  assert.equal(after(...open, playback(0, 1000), playback(20, 1030), playback(90, 1105)).turns[0].replyPlayMs, 1010);
});

test("a playhead tells how much of its own turn's answer was played", () => {
  const playhead = (turnId, playedMs) => ({ type: "playhead", turnId, playedMs });
  const stopped = { type: "playback", turnId: 1, playing: false, playedMs: 1200, clockMs: 0, atMs: 0 };
  assert.equal(after(...open, playhead(1, 1000), stopped).turns[0].playheadMs, 1200);
  assert.equal(after(...open, playhead(1, 500), playhead(1, 1000), playhead(2, 1500)).turns[0].playheadMs, 1000);
});

test("a reducer changes no state in place", () => {
  const before = after(...open);
  const copy = structuredClone(before);
  reduce(before, message({ type: "transcript_final", turn_id: 1, text: "x" }));
  reduce(before, client("closed"));
  assert.deepEqual(before, copy);
});

test("a pause and its end are announced to nobody", () => {
  const before = after(...open, message({ type: "transcript_final", turn_id: 1, text: "Go on." }));
  const paused = reduce(before, message({ type: "reply_paused", turn_id: 1 }));
  const resumed = reduce(paused, message({ type: "reply_resumed", turn_id: 1 }));
  assert.deepEqual([paused.turns[0].paused, resumed.turns[0].paused], [true, false]);
  assert.equal(resumed.announcements, before.announcements);
  assert.equal(presence(paused), presence(before));
});

test("a turn without words is an aside where it was spoken over an answer that goes on", () => {
  const nod = [
    message({ type: "transcript_partial", turn_id: 2, text: "mm-hm", stable_chars: 5 }),
    message({ type: "turn_end", turn_id: 2, outcome: "no_speech" }),
  ];
  const answer = [
    message({ type: "transcript_final", turn_id: 1, text: "Go on." }),
    message({ type: "llm_token", turn_id: 1, index: 0, text: "Once upon a time" }),
  ];
  const cut = message({ type: "reply_cancelled", turn_id: 1, reason: "barge_in", heard_ms: 0, heard_text: "" });
  const over = message({ type: "turn_end", turn_id: 1, outcome: "completed" });
  const begun = message({ type: "speech_started", turn_id: 2, position_ms: 1 });
  const asides = [
    answer,
    [...answer, begun, over],
    [...answer, begun, cut],
    [...answer, begun, over, begun],
    [...answer, cut],
    [...answer, over],
    [],
  ].map((before) => after(...open, ...before, ...nod).turns.at(-1)?.aside);
  assert.deepEqual(asides, [true, true, false, false, false, false, false]);
  assert.equal(after(...open, ...answer, nod[1]).turns.at(-1)?.aside, true);
});

test("of a turn that takes in the one before it, only what was added is announced", () => {
  const state = after(
    ...open,
    message({ type: "transcript_final", turn_id: 1, text: "Book a table." }),
    message({ type: "reply_cancelled", turn_id: 1, reason: "resumed", heard_ms: 0, heard_text: "" }),
    message({ type: "turn_end", turn_id: 1, outcome: "cancelled" }),
    message({ type: "transcript_final", turn_id: 2, text: "Book a table for two." }),
  );
  assert.equal(last(state), "You went on: for two.");
  assert.deepEqual(state.turns.map(({ folded }) => folded), [true, false]);
});

test("that the conversation began anew is told until a turn went well, and only where something was said", () => {
  const anew = message({ ...READY, resumed: false });
  const codes = (...events) => after(...open, ...events).problems.map(({ code }) => code);
  const said = [message({ type: "transcript_final", turn_id: 1, text: "one" }), client("reconnecting")];
  assert.deepEqual(codes(...said, anew), ["began_anew"]);
  assert.deepEqual(codes(...said, anew, message({ type: "turn_end", turn_id: 1, outcome: "completed" })), []);
  assert.deepEqual(codes(...said, message({ ...READY, resumed: true })), []);
  assert.deepEqual(codes(client("reconnecting"), anew), []);
});

test("an error is a problem when the client says so: after a fatal one it may go on by itself", () => {
  const refused = message({ type: "error", code: "going_away", message: "the server is going away", fatal: true });
  const trying = after(...open, message({ type: "going_away", time_left_ms: 0, resume_token: "r" }), client("reconnecting"), refused);
  assert.deepEqual(trying.problems.map(({ title }) => title), ["The server is about to restart"]);
  assert.deepEqual(trying.log.at(-1).name, "error");
});

test("while it reconnects nothing is promised to who talks, and who types is told what waits", () => {
  const hint = (microphone) => words(after(...open, { type: "microphone", microphone }, client("reconnecting"))).hint;
  assert.deepEqual([hint(true), hint(false)], [
    "You are not heard yet. It goes on by itself.",
    "What you send waits until it is back.",
  ]);
});

test("who talked while it reconnected is told that it was not heard, but for the last second of it", () => {
  const codes = (spokeMs, readyMs, ...before) => {
    const spoke = { type: "unheard", atMs: spokeMs };
    const later = { type: "unheard", atMs: readyMs };
    const ready = { ...message({ ...READY, resumed: true }), atMs: readyMs };
    return after(...open, ...before, client("reconnecting"), spoke, later, client("listening"), ready).problems.map(({ code }) => code);
  };
  assert.deepEqual([codes(5_000, 6_000), codes(5_000, 6_001)], [[], ["not_heard"]]);
  assert.deepEqual(codes(5_000, 9_000, { type: "hands_free", handsFree: false }), []);
  const again = after(...open, client("reconnecting"), { type: "unheard", atMs: 1 }, client("listening"), client("reconnecting"));
  assert.equal(again.unheardMs, null);
});

test("a conversation that begins anew, with a reason or after an end, begins below those before", () => {
  const spoken = message({ type: "transcript_final", turn_id: 1, text: "one" });
  const ready = (resumed) => message({ ...READY, resumed });
  const keys = (...events) => timeline(after(...open, ...events)).map(({ key }) => key);
  const ended = [spoken, client("closed"), client("connecting"), ready(undefined)];
  assert.deepEqual(keys(...ended), ["1-1", "conversation-2"]);
  assert.deepEqual(keys(...ended, ready(undefined), spoken, ready(true), spoken), ["1-1", "conversation-2", "3-1", "4-1"]);
  assert.deepEqual(keys(spoken, client("reconnecting"), ready(false), spoken), ["1-1", "conversation-2", "2-1"]);
  assert.deepEqual(keys(spoken, ready(true)), ["1-1"]);
  assert.deepEqual(keys(client("closed"), ready(undefined)), []);
  const state = after(...open, ...ended);
  assert.deepEqual([last(state), state.problems], ["A new conversation.", []]);
});

test("of a beginning whose turns above are forgotten nothing is left", () => {
  const spoken = (turn_id) => message({ type: "transcript_final", turn_id, text: "one" });
  const many = Array.from({ length: MOST_TURNS }, (_, at) => spoken(at + 1));
  assert.equal(timeline(after(...open, spoken(1), message(READY), ...many)).length, MOST_TURNS);
});

test("a long conversation does not grow, whatever it is made of", () => {
  let state = after(...open);
  for (let turnId = 1; turnId <= 1_000; turnId += 1) {
    for (const event of [
      { type: "text_sent", text: `never answered ${turnId}` },
      { type: "problem", problem: { code: "overloaded", title: "", advice: "", fatal: true }, atMs: 0 },
      message({ type: "transcript_final", turn_id: turnId, text: "one" }),
      message({ type: "turn_end", turn_id: turnId, outcome: "completed" }),
      { type: "stats", stats: { slowNetwork: turnId % 2 === 0 } },
    ]) state = reduce(state, event);
  }
  const { turns, typed, problems, history, log, announcements } = state;
  assert.deepEqual(
    [turns, typed, problems, history, log, announcements].map(({ length }) => length),
    [100, 10, 1, 120, 603, 8],
  );
  assert.equal(typed.at(-1), "never answered 1000");
});

test("a reply that waits for the user says so, where it was speaking", () => {
  const heard = after(...open, message({ type: "transcript_final", turn_id: 1, text: "Go on." }), client("speaking"));
  const paused = reduce(heard, message({ type: "reply_paused", turn_id: 1 }));
  const titles = [heard, paused, reduce(paused, message({ type: "reply_resumed", turn_id: 1 }))].map((state) => words(state).title);
  assert.deepEqual(titles, ["Speaking", "Paused", "Speaking"]);
  assert.equal(words(reduce(paused, client("hearing"))).title, "Hearing you");
});
