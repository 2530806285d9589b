import assert from "node:assert/strict";
import { test } from "node:test";

import { locales } from "../../web/ui/languages.js";
import { DEFAULTS, parse } from "../../web/ui/preferences.js";
import { recordingName } from "../../web/ui/recording.js";
import { takeToken } from "../../web/ui/token.js";

test("nothing remembered is the defaults", () => {
  assert.deepEqual(parse(null), DEFAULTS);
});

test("what makes no sense is forgotten, the rest kept", () => {
  const stored = { panelOpen: true, route: "carrier pigeon", voice: 7, locale: "de-DE", logKinds: "all", token: "secret" };
  assert.deepEqual(parse(JSON.stringify(stored)), { ...DEFAULTS, panelOpen: true, locale: "de-DE" });
  assert.deepEqual(parse("{"), DEFAULTS);
});

function visit(hash, kept = new Map()) {
  const replaced = [];
  const token = takeToken(
    { hash, pathname: "/talk", search: "?a=1" },
    { replaceState: (...call) => replaced.push(call[2]) },
    { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) },
  );
  return { token, replaced, kept };
}

test("a token is taken out of the address, and a reload finds it again", () => {
  const first = visit("#token=abc%2B1");
  assert.deepEqual([first.token, first.replaced], ["abc+1", ["/talk?a=1"]]);
  assert.deepEqual(visit("", first.kept).token, "abc+1");
});

test("an address without a token stays as it is", () => {
  assert.deepEqual([visit("#turn-3").token, visit("#turn-3").replaced], [null, []]);
});

test("a browser that keeps nothing still gets the token", () => {
  const replaced = [];
  const refuse = () => {
    throw new Error("denied");
  };
  const token = takeToken(
    { hash: "#token=t", pathname: "/", search: "" },
    { replaceState: (...call) => replaced.push(call[2]) },
    { getItem: refuse, setItem: refuse },
  );
  assert.deepEqual([token, replaced], ["t", ["/"]]);
});

test("languages have names, and the chosen one is always there", () => {
  const found = locales("gsw-CH", ["de", "de-AT"]);
  const tags = found.map(({ locale }) => locale);
  assert(tags.includes("gsw-CH") && tags.includes("de-AT") && !tags.includes("de"));
  assert.equal(found.find(({ locale }) => locale === "en-GB").name, "British English");
  assert.deepEqual(locales("no tag!", []).find(({ locale }) => locale === "no tag!").name, "no tag!");
});

test("languages that the server does not understand are not offered, but for the one that was chosen", () => {
  const tags = locales("de-DE", ["fr-CH", "en-NZ"], ["en-US"]).map(({ locale }) => locale);
  assert.deepEqual(tags.toSorted(), ["de-DE", "en-GB", "en-NZ", "en-US"]);
});

test("a recording is named by its time and its kind", () => {
  const now = new Date(2026, 10, 3, 9, 5);
  assert.equal(recordingName("application/jsonl", now), "voicecli-2026-11-03-0905.jsonl");
  assert.equal(recordingName("audio/webm;codecs=opus", now), "voicecli-2026-11-03-0905.webm");
});
