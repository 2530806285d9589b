import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Problem } from "../../web/client/problem.js";
import { canTypeInstead, clientProblem } from "../../web/ui/problems.js";

const schema = JSON.parse(readFileSync(new URL("../../docs/voicewire.schema.json", import.meta.url), "utf8"));
const codes = schema.$defs.ErrorCode.enum;

for (const code of codes) {
  test(`a person is told what ${code} means and what to do`, () => {
    const { title, advice } = clientProblem({ code, title: "Unknown here", advice: "No advice." });
    assert.notEqual(title, "Unknown here");
    assert.match(title, /^[A-Z].*[^.]$/);
    assert.match(advice, /^[A-Z].*\.$/);
  });
}

test("a code that is new speaks for itself", () => {
  const told = Problem.told({ type: "error", code: "out_of_tea", message: "there is no tea left", fatal: true });
  const problem = { code: "out_of_tea", title: "Something went wrong", advice: "There is no tea left.", fatal: true };
  assert.deepEqual(clientProblem(told), problem);
});

test("the client's own sentences stand, the server's codes have the page's", () => {
  const own = { code: "microphone_refused", title: "Not allowed", advice: "Allow it.", fatal: true };
  assert.deepEqual(clientProblem(own), own);
  assert.equal(clientProblem({ code: "server_full", title: "x", advice: "y", fatal: true }).title, "All lines are busy");
});

test("where the server names the voice or the language that was chosen, its own words are told", () => {
  const advice = (code, message, ...chosen) => clientProblem(Problem.told({ type: "error", code, message }), chosen).advice;
  const unknown = "espeak has no voice nonsense; near are indonesian";
  assert.equal(advice("tts_failed", unknown, "nonsense", "en-US"), "Espeak has no voice nonsense; near are indonesian. Choose another one in the settings.");
  assert.match(advice("tts_failed", "there is no variant f9 of a voice", "en-us+f9"), /^There is no variant f9/);
  assert.match(advice("invalid_field", "sphinx understands en-US, not de-DE", null, "de-DE"), /^Sphinx understands/);
  for (const chosen of ["sense", null, "+"]) assert.doesNotMatch(advice("tts_failed", unknown, chosen), /nonsense/);
});

test("what nobody foresaw is a problem too", () => {
  assert.match(clientProblem(new TypeError("x is undefined")).advice, /x is undefined/);
});

test("who cannot be heard can type", () => {
  const problem = (code, fatal) => ({ code, title: "", advice: "", fatal });
  assert.equal(canTypeInstead(problem("microphone_missing", true)), true);
  assert.equal(canTypeInstead(problem("vad_failed", true)), true);
  assert.equal(canTypeInstead(problem("vad_failed", false)), false);
  assert.equal(canTypeInstead(problem("microphone_changed", false)), false);
  assert.equal(canTypeInstead(problem("server_full", true)), false);
});
