import assert from "node:assert/strict";
import { test } from "node:test";

import { Problem } from "../../web/client/problem.js";

test("what getUserMedia threw is told in a person's words", () => {
  const codes = ["NotAllowedError", "NotFoundError", "NotReadableError", "TypeError"].map((name) => {
    const problem = Problem.ofMicrophone(new DOMException("why", name));
    assert.notEqual(problem.advice, "Try again.");
    return problem.code;
  });
  assert.deepEqual(codes, ["microphone_refused", "microphone_missing", "microphone_busy", "microphone_failed"]);
});

test("a server's error keeps its code; where we have no words for it, its own sentence is the advice", () => {
  const { code, title, advice, fatal } = Problem.told({ type: "error", code: "internal", message: "it broke", fatal: true });
  assert.deepEqual([code, title, advice, fatal], ["internal", "Something went wrong", "It broke.", true]);
  assert.equal(Problem.told({ type: "error", code: "server_full", message: "x" }).title, "All lines are busy");
});

test("a problem survives the way between threads", () => {
  const sent = new Problem("connection_lost", { fatal: true, detail: "1006" }).toJSON();
  assert.deepEqual(new Problem(sent.code, structuredClone(sent)).toJSON(), sent);
});
