import assert from "node:assert/strict";
import { test } from "node:test";

import { columns, domain, labelRows, outline, place, stacked, ticks } from "../../voicecli/reports/html/layout.js";

const SCALE = { from: 100, to: 200, width: 50 };

test("a value has its place on a scale", () => {
  assert.deepEqual([100, 150, 220].map((value) => place(SCALE, value)), [0, 25, 60]);
});

test("ticks are round, inside, and no more than there is room for", () => {
  assert.deepEqual(ticks(0, 1131, 5), [0, 500, 1000]);
  assert.deepEqual(ticks(1.42, 5.3, 4), [2, 3, 4, 5]);
  assert.deepEqual(ticks(-5, 5, 4), [-5, 0, 5]);
  assert.deepEqual(ticks(0.1, 0.35, 3), [0.1, 0.2, 0.3]);
});

test("a domain holds all values with room, never makes much of little, and invents nothing negative", () => {
  assert.deepEqual(domain([0, 100]), { from: -6, to: 106 });
  assert.deepEqual(domain([600]), { from: 594.4, to: 605.6 });
  assert.deepEqual(domain([0.2]).from > -1, true);
  assert.deepEqual(domain([-3]).from < -3, true);
  assert.deepEqual(domain([]), { from: 0, to: 10 });
});

test("dots that would lie on each other are stacked, and never higher than there is room", () => {
  assert.deepEqual(stacked([100, 100, 180], SCALE, 2, 100), [
    { x: 0, y: 2 },
    { x: 0, y: 6 },
    { x: 40, y: 2 },
  ]);
  const many = stacked(Array(50).fill(150), SCALE, 2, 20);
  assert.equal(Math.max(...many.map(({ y }) => y)), 18);
});

test("columns count every value once, those at the edges too", () => {
  assert.deepEqual(columns([100, 149.9, 150, 200], SCALE, 2), [
    { from: 100, to: 150, count: 2 },
    { from: 150, to: 200, count: 2 },
  ]);
});

test("labels never lie on each other: what matters most is placed first, and what finds no room is left out", () => {
  const labels = [
    { x: 0, width: 40, rank: 1 },
    { x: 10, width: 40, rank: 0 },
    { x: 20, width: 40, rank: 2 },
    { x: 60, width: 30, rank: 2 },
    { x: 95, width: 30, rank: 2 },
  ];
  assert.deepEqual(labelRows(labels, 100, 2), [{ row: 1, x: 0 }, { row: 0, x: 10 }, null, { row: 0, x: 60 }, { row: 1, x: 65 }]);
});

test("a label does not reach into one that stands right of it, and may touch it", () => {
  const right = { x: 50, width: 20, rank: 0 };
  const placed = [26, 25].map((width) => labelRows([right, { x: 25, width, rank: 1 }], 100, 1)[1]);
  assert.deepEqual(placed, [null, { row: 0, x: 25 }]);
});

test("an outline is closed, as high as the loudest, and only of what is shown", () => {
  const peaks = Uint8Array.from([0, 255, 0, 255]);
  assert.equal(outline(peaks, 5, { from: 5, to: 10, width: 10 }, 50, 20), "M5.0,30.0L5.0,70.0Z");
  assert.equal(outline(peaks, 5, { from: 20, to: 40, width: 10 }, 50, 20), "");
  const two = outline(peaks, 5, { from: 0, to: 20, width: 2 }, 50, 20);
  assert.equal(two, "M0.5,30.0L1.5,30.0L1.5,70.0L0.5,70.0Z");
});
