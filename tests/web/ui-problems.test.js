import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { canTypeInstead, clientProblem, serverProblem } from "../../web/ui/problems.js";

const schema = JSON.parse(readFileSync(new URL("../../docs/voicewire.schema.json", import.meta.url), "utf8"));
const codes = schema.$defs.ErrorCode.enum;

for (const code of codes) {
  test(`a person is told what ${code} means and what to do`, () => {
    const { title, advice } = serverProblem({ code, message: "unknown here" });
    assert.notEqual(title, "Unknown here");
    assert.match(title, /^[A-Z].*[^.]$/);
    assert.match(advice, /^[A-Z].*\.$/);
  });
}

test("a code that is new speaks for itself", () => {
  const problem = serverProblem({ code: "out_of_tea", message: "there is no tea left.", fatal: true });
  assert.deepEqual([problem.title, problem.fatal], ["There is no tea left", true]);
});

test("the client's own sentences stand, the server's codes have the page's", () => {
  const own = { code: "microphone_refused", title: "Not allowed", advice: "Allow it.", fatal: true };
  assert.deepEqual(clientProblem(own), own);
  assert.equal(clientProblem({ code: "server_full", title: "x", advice: "y", fatal: true }).title, "All lines are busy");
});

test("what nobody foresaw is a problem too", () => {
  assert.match(clientProblem(new TypeError("x is undefined")).advice, /x is undefined/);
});

test("who has no microphone can type", () => {
  const problem = (code, fatal) => ({ code, title: "", advice: "", fatal });
  assert.equal(canTypeInstead(problem("microphone_missing", true)), true);
  assert.equal(canTypeInstead(problem("microphone_changed", false)), false);
  assert.equal(canTypeInstead(problem("server_full", true)), false);
});
