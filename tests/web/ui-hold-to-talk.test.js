import assert from "node:assert/strict";
import { test } from "node:test";

import { HoldToTalk, TAP_MS, isFreeForTalking } from "../../web/ui/hold-to-talk.js";

test("held, it talks until it is let go", () => {
  const hold = new HoldToTalk();
  assert.deepEqual([hold.down(0), hold.up(TAP_MS)], ["press", "release"]);
});

test("tapped, it talks until it is tapped once more", () => {
  const hold = new HoldToTalk();
  assert.deepEqual([hold.down(0), hold.up(TAP_MS - 1), hold.down(900), hold.up(950)], ["press", null, null, "release"]);
});

test("activated without a key, it is a switch", () => {
  const hold = new HoldToTalk();
  assert.deepEqual([hold.toggle(), hold.toggle()], ["press", "release"]);
});

test("lost from sight, it is let go, once", () => {
  const hold = new HoldToTalk();
  hold.down(0);
  assert.deepEqual([hold.cancel(), hold.cancel(), hold.up(900)], ["release", null, null]);
});

test("a second key changes nothing", () => {
  const hold = new HoldToTalk();
  assert.deepEqual([hold.down(0), hold.down(10), hold.up(900), hold.up(910)], ["press", null, "release", null]);
});

test("the space bar is talking only where it is nothing else", () => {
  assert.equal(isFreeForTalking(null), true);
  assert.equal(isFreeForTalking({ closest: () => null }), true);
  assert.equal(isFreeForTalking({ closest: (selector) => (selector.includes("input") ? {} : null) }), false);
});
