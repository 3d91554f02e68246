import assert from "node:assert/strict";
import { test } from "node:test";
import { Heights } from "../src/heights.js";
import { seeded } from "./random.js";

test("Heights agrees with adding up, whatever is done to it", () => {
  const random = seeded(11), heights = new Heights(40);
  let plain: number[] = [];
  const some = (n: number) => Math.floor(random() * n);
  for (let step = 0; step < 3000; step++) {
    const what = some(6), n = some(8);
    if (what === 0) {
      heights.append(n);
      plain.push(...Array<number>(n).fill(40));
    } else if (what === 1) {
      heights.prepend(n);
      plain.unshift(...Array<number>(n).fill(40));
    } else if (what === 2) {
      const gone = plain.splice(0, n).reduce((a, b) => a + b, 0);
      assert.equal(heights.drop(n), gone);
    } else if (what === 3) {
      const wanted = plain.map(() => some(4) > 0);
      heights.keep((i) => wanted[i]!);
      plain = plain.filter((_, i) => wanted[i]);
    } else if (plain.length) {
      const i = some(plain.length), height = some(90) + 1;
      assert.equal(heights.set(i, height), plain[i] !== height);
      plain[i] = height;
    }
    const sums = [0];
    for (const h of plain) sums.push(sums.at(-1)! + h);
    assert.equal(heights.length, plain.length);
    assert.equal(heights.total, sums.at(-1));
    const i = some(plain.length + 1), y = some(4000) - 100;
    assert.equal(heights.top(i), sums[i]);
    const row = sums.findLastIndex((top, k) => k < plain.length && top <= y);
    assert.equal(heights.at(y), Math.max(0, row));
  }
});

test("range covers what is seen and its margins, and no more", () => {
  const heights = new Heights(40);
  heights.append(1000);
  assert.deepEqual(heights.range(4000, 400, 80), { first: 98, end: 113 });
  assert.deepEqual(heights.range(0, 400, 80), { first: 0, end: 13 });
  assert.deepEqual(heights.range(1e9, 400, 80), { first: 999, end: 1000 });
});

test("an empty list has nothing to draw", () => {
  const heights = new Heights(40);
  assert.deepEqual(heights.range(0, 400, 80), { first: 0, end: 0 });
  assert.equal(heights.total, 0);
  heights.append(3);
  heights.clear();
  assert.equal(heights.total, 0);
});
