// Which message was taken back.

import assert from "node:assert/strict";
import { test } from "node:test";
import { clearedOf, means } from "../../client/src/recalls.js";

const message = { seq: 7, kind: "chat", userId: "3", body: "hi", ts: 1000, id: "c-1", recalled: false };
const recall = { seq: 7, by: "3", userId: "3", id: "c-1", ts: 1000 };

test("a recall means the message of its sender with its id, whatever number it has", () => {
  for (const seq of [0, 7, 8]) assert.ok(means({ ...recall, seq }, message, false));
  for (const other of [{ id: "c-2" }, { userId: "4" }, { id: "" }]) assert.ok(!means({ ...recall, ...other }, message, true));
});

test("a sender's id means another message after two minutes, a node's id never does", () => {
  assert.ok(means({ ...recall, ts: 121_000 }, message, true));
  assert.ok(!means({ ...recall, ts: 121_001 }, message, true));
  assert.ok(means({ ...recall, id: "~1", ts: 1e12 }, { ...message, id: "~1" }, true));
});

test("without an id a recall means the message of its sender and its time", () => {
  assert.ok(means({ ...recall, id: "" }, { ...message, id: "" }, false));
  for (const other of [{ ts: 1001 }, { userId: "4" }]) assert.ok(!means({ ...recall, id: "", ...other }, { ...message, id: "" }, true));
});

test("where the number alone is known it means the message that has it now", () => {
  const number = { seq: 7, by: "", userId: "", id: "", ts: 0 };
  assert.ok(means(number, message, true));
  assert.ok(!means(number, message, false));
  assert.ok(!means({ ...number, seq: 0 }, { ...message, seq: 0 }, true));
});

test("a clear takes rows up to its number, and all before, and none of later epochs", () => {
  const of = (epoch: string, ...seqs: number[]) => seqs.map((seq) => ({ epoch, message: { ...message, seq } }));
  const rows = [{ epoch: "1-a" }, ...of("1-a", 1, 2, 3), { epoch: "1-a" }, ...of("l-1", 0, 1), ...of("2-b", 4, 5)];
  for (const [epoch, seq, later, taken] of [
    ["1-a", 2, ["l-1", "2-b"], 3], ["1-a", 3, ["l-1", "2-b"], 5], ["1-a", 9, ["2-b"], 7], ["1-a", 9, [], 9], ["l-1", 1, ["2-b"], 7],
    ["2-b", 4, [], 8], ["2-b", 9, [], 9], ["2-b", 3, [], 7],
    ["0-z", 7, ["1-a", "l-1", "2-b"], 1], // of which there is nothing
    ["3-c", 9, [], 9], // it is still to come
  ] as const) assert.equal(clearedOf(rows, { epoch, seq, later }), taken, `up to ${epoch} ${seq} before ${later}`);
  assert.equal(clearedOf(rows.slice(0, 7), { epoch: "1-a", seq: 9, later: [] }), 7, "local chat was handed to the store before");
  assert.equal(clearedOf([], { epoch: "1-a", seq: 1, later: [] }), 0);
});
