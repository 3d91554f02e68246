import assert from "node:assert/strict";
import { test } from "node:test";
import { nameOf } from "../../client/src/show/names.js";

const named = (name: unknown) => nameOf({ userId: "u1", user: { name } });

test("a name stands in place of the id; where there is none, the id", () => {
  assert.equal(named("Ann 安 \u{1F469}\u200d\u{1F680}"), "Ann 安 \u{1F469}\u200d\u{1F680}");
  assert.equal(nameOf({ userId: "u1" }), "u1");
  assert.equal(nameOf({ userId: "u1", user: {} }), "u1");
  for (const none of ["", "  ", "\n", "\u202e", "\u200b", 7, null, ["Ann"], { first: "Ann" }]) assert.equal(named(none), "u1", JSON.stringify(none));
});

test("a name has 64 letters at most, cut between letters, and stays on its line", () => {
  assert.equal(named("x".repeat(65)), "x".repeat(64));
  assert.equal(named("\u{1F600}".repeat(100)), "\u{1F600}".repeat(64));
  assert.equal(named("a\r\n\n b\tc "), "a b c");
});

test("a name turns nothing around that stands beside it", () => {
  for (const mark of ["\u202e", "\u202b", "\u2067", "\u2069", "\u200f", "\u061c", "\u0000", "\u009f"]) assert.equal(named(`A${mark}nn`), "Ann", mark);
});
