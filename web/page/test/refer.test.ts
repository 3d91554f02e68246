// The users that a message speaks to: ext comes from strangers, and may be anything.

import assert from "node:assert/strict";
import { test } from "node:test";
import { answerTo, beginOf, calls, mentionsIn, replyOf } from "../src/refer.js";

const me = { id: "u7", name: "Mia Li" };

test("which message an answer answers is read back, and none of its words; what cannot be read is no answer", () => {
  const long = { userId: "eve", id: "c-1", user: { name: "Eve" }, body: "😀".repeat(300) };
  assert.deepEqual(answerTo(long), { reply: { user_id: "eve", id: "c-1", name: "Eve", body: "😀".repeat(100) } });
  assert.deepEqual(replyOf({ ext: answerTo(long) }), { userId: "eve", id: "c-1" });
  assert.deepEqual(beginOf({ ...long, body: "\u202eback\nwards" }), { who: "Eve", body: "back wards" });
  assert.ok(JSON.stringify(answerTo({ ...long, userId: "x".repeat(64), id: "y".repeat(64) })).length < 2048, "an ext has 4 KiB at most");
  for (const ext of [undefined, null, 7, "reply", [], { reply: null }, { reply: "x" }, { reply: { user_id: 7, id: "c" } }, { reply: { user_id: "eve", id: "" } }]) assert.equal(replyOf({ ext }), undefined, JSON.stringify(ext));
});

test("a mention is @ with the id or the name, whole, however it is written", () => {
  for (const [body, found] of [["hi @u7!", ["@u7"]], ["@mia li and @MIA LI", ["@mia li", "@MIA LI"]], ["@u77 @u7-x a@", []], ["@u7@u7", ["@u7", "@u7"]], ["@Mia", []],
    ["你好@u7", ["@u7"]], ["(@u7) é@u7 :@u7", ["@u7", "@u7", "@u7"]], ["a@u7 7@u7 _@u7 -@u7 x.y@u7@u7", []],
    [".@u7 wow...@u7... @u7。", ["@u7", "@u7", "@u7"]], ["😀@u7😀 @u7你好 @u7さん @u7님", ["@u7", "@u7", "@u7", "@u7"]], ["@u7\u0301 @u7é @u7я", []]] as const) {
    assert.deepEqual(mentionsIn(body, me).map(([from, to]) => body.slice(from, to)), found, body);
  }
  assert.deepEqual(mentionsIn("@小明明 @小明 @小明，", { id: "小明", name: "" }), [[5, 8], [9, 12]], "of a Chinese name a space or a mark says where it ends");
  assert.deepEqual(mentionsIn("@ @", { id: "", name: "" }), []);
  assert.equal(mentionsIn("@u7 ".repeat(1000), me).length, 50);
});

test("a message calls whom it answers, lists or mentions, and nobody else", () => {
  const body = "yes";
  for (const [message, called] of [
    [{ body, ext: { reply: { user_id: "u7", id: "c" } } }, true],
    [{ body, ext: { mentions: ["eve", "u7"] } }, true],
    [{ body: "@u7 yes", ext: undefined }, true],
    [{ body, ext: { reply: { user_id: "eve", id: "c" }, mentions: "u7" } }, false],
    [{ body: "@ yes", ext: null }, false],
  ] as const) assert.equal(calls(message, me), called, JSON.stringify(message));
  assert.equal(calls({ body: "@", ext: { mentions: [""] } }, { id: "", name: "" }), false, "who has no name yet is not called");
});
