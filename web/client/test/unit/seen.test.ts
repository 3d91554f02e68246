// Messages that count as the same.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Seen } from "../../src/seen.js";

const message = (fields: object) => ({ userId: "3", id: "", ts: 1000, body: "hi", ...fields });

test("with an id a message is known by sender and id", () => {
  const seen = new Seen();
  assert.ok(seen.add(message({ id: "c-1" })));
  for (const same of [{}, { body: "other" }, { ts: 0 }, { ts: 121_000 }]) {
    assert.ok(seen.has(message({ id: "c-1", ...same })));
    assert.ok(!seen.add(message({ id: "c-1", ...same })));
  }
  for (const other of [{ id: "c-2" }, { userId: "4" }, { userId: '3","c-1', id: "" }]) assert.ok(!seen.has(message({ id: "c-1", ...other })));
});

test("without an id a message is known by sender, ts and body", () => {
  const seen = new Seen();
  seen.add(message({}));
  assert.ok(seen.has(message({})));
  for (const other of [{ body: "ho" }, { ts: 1001 }, { userId: "4" }, { id: "c-1" }]) assert.ok(!seen.has(message(other)));
});

test("a sender's id is free again after two minutes, and then the older message is still known", () => {
  const seen = new Seen();
  seen.add(message({ id: "c-1" }));
  assert.ok(seen.add(message({ id: "c-1", ts: 121_001 })));
  for (const ts of [1000, 121_001, 241_001]) assert.ok(seen.has(message({ id: "c-1", ts })));
  assert.ok(!seen.has(message({ id: "c-1", ts: 241_002 })));
});

test("an id that a node gave is one message's for ever", () => {
  const seen = new Seen();
  seen.add(message({ id: "~1" }));
  assert.ok(seen.has(message({ id: "~1", ts: 1e12 })));
});

test("the newest 4,096 are remembered, and no more than twice as many", () => {
  const seen = new Seen();
  const has = (i: number) => seen.has(message({ id: `~${i}` }));
  for (let i = 1; i <= 20_000; i++) {
    seen.add(message({ id: `~${i}`, ts: i }));
    if (i % 1000 === 0) for (let k = Math.max(1, i - 4095); k <= i; k++) assert.ok(has(k), `${k} of ${i}`);
  }
  let n = 0;
  for (let i = 1; i <= 20_000; i++) if (has(i)) n++;
  assert.ok(n >= 4096 && n <= 8192, `${n} are remembered`);
});

test("what is not known predates what is: by the first ts of all, or by that of what was forgotten", () => {
  const seen = new Seen();
  const predates = (ts: number) => seen.predates(message({ id: "new", ts }));
  assert.ok(!predates(0) && !predates(5), "nothing was seen yet");
  for (const ts of [1000, 900, 1100]) seen.add(message({ id: `~${ts}`, ts }));
  assert.deepEqual([899, 900, 1000].map(predates), [true, false, false]);
  for (let ts = 2000; ts < 2000 + 2 * 4096; ts++) seen.add(message({ id: `~${ts}`, ts }));
  assert.deepEqual([1100, 2000, 6000, 7000].map(predates), [true, true, true, false]);
});
