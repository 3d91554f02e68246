import assert from "node:assert/strict";
import { test } from "node:test";
import { nameOf } from "../../client/src/show/names.js";
import { lineOf } from "../../client/src/show/sky.js";
import { isolated, tame } from "../../client/src/show/tame.js";
import { speak, t } from "../src/texts.js";

const turned = "\u2069\u202egnihtyreve\u2066";

test("no text of a stranger has marks that turn what stands beside it; letters keep their own direction", () => {
  assert.equal(tame(`a${turned}b\u202a\u202c\u2067\u2068`), "agnihtyreveb");
  assert.equal(tame("שלום, world \u200f!"), "שלום, world \u200f!");
  assert.equal(nameOf({ userId: `a${turned}` }), "agnihtyreve", "an id stands where there is no name");
});

test("what is written from right to left stays by itself inside of a sentence, the rest is as it was", () => {
  speak("en");
  assert.equal(isolated("Ann 安 \u{1F600}"), "Ann 安 \u{1F600}");
  assert.equal(isolated("שלום 1"), "\u2068שלום 1\u2069");
  assert.equal(t("recalledOther", { who: "مريم" }), "\u2068مريم\u2069 recalled a message");
  assert.equal(t("recalledOther", { who: `x${turned}` }), "xgnihtyreve recalled a message");
});

test("in the sky, which has no elements, a gift's name and text stay apart, and a cut text ends what it began", () => {
  assert.equal(lineOf({ text: "🎁 ×10", who: "مريم" }), "\u2068مريم\u2069 🎁 ×10");
  assert.equal(lineOf({ text: `${turned}!` }), "gnihtyreve!");
  assert.equal(lineOf({ text: "ש".repeat(100) }), `\u2068${"ש".repeat(60)}…\u2069`);
});
