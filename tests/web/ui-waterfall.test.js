import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { PARTS, axis, length, turnaround, waterfall } from "../../web/ui/waterfall.js";

// tests/browser/test_page_waterfall.py holds voicecli/figures/waterfall.py to the same file.
const { parts, cases } = JSON.parse(readFileSync(new URL("ui-waterfall.json", import.meta.url), "utf8"));

function written(drawn) {
  const extent = (each) => each && [each.startMs, each.endMs];
  return drawn && {
    bars: drawn.bars.map(({ part, critical, whole }) => [part.name, extent(critical), extent(whole)]),
    total_ms: drawn.totalMs,
  };
}

test("parts have the names, titles and colours of the terminal's", () => {
  assert.deepEqual([...PARTS], parts);
});

for (const { name, marks, reply_play_ms: replyPlayMs, silence_ms: silenceMs, expected } of cases) {
  test(`a waterfall is the terminal's: ${name}`, () => {
    assert.deepEqual(written(waterfall(marks, { replyPlayMs, silenceMs })), expected);
  });

  if (expected?.total_ms) {
    test(`its parts sum to the whole: ${name}`, () => {
      const drawn = waterfall(marks, { replyPlayMs, silenceMs });
      assert.equal(drawn.bars.reduce((sum, bar) => sum + length(bar.critical), 0), drawn.totalMs);
    });
  }
}

test("a typed turn counts from the commit", () => {
  const drawn = turnaround({ "turn.committed": 100, "llm.requested": 101, "llm.first_token": 151, "reply.first_audible": 300 });
  assert.deepEqual(written(drawn), {
    bars: [
      ["handover", [0, 1], null],
      ["llm", [1, 51], null],
      ["unattributed", [51, 200], null],
    ],
    total_ms: 200,
  });
});

test("nothing known draws nothing", () => {
  assert.equal(waterfall({}), null);
  assert.equal(turnaround({}), null);
});

test("the axis has round instants, no more than there is room for", () => {
  const drawn = waterfall(cases[0].marks, { replyPlayMs: 1903 });
  assert.deepEqual(axis(drawn, 5), { startMs: 0, endMs: 915, ticks: [0, 200, 400, 600, 800] });
  assert.deepEqual(axis(drawn, 2).ticks, [0, 500]);
});

test("the axis begins where an early end of speech is", () => {
  const drawn = waterfall({ "mic.speech_end": 100, "audio.last_speech": 40 });
  assert.equal(axis(drawn).startMs, -60);
});
