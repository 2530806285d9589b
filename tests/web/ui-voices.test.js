import assert from "node:assert/strict";
import { test } from "node:test";

import { isNamed } from "../../web/ui/voices.js";

const VOICES = ["de", "en-us", "pt-BR"];

test("a voice that the server names, its variants, and what may become one are no surprise", () => {
  for (const voice of ["", "e", "en", "en-us", "EN_us", " pt-br ", "en-us+f2", "de+"]) assert(isNamed(voice, VOICES), voice);
});

test("another one is", () => {
  for (const voice of ["nonsense", "en-usa", "x+en-us"]) assert(!isNamed(voice, VOICES), voice);
});

test("where the server names none, nothing is known", () => {
  assert(isNamed("nonsense", []));
});
