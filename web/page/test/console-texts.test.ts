import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { isText, type Text, texts } from "../console/texts.js";

const sources = readdirSync("console").filter((f) => f !== "texts.ts").map((f) => readFileSync(`console/${f}`, "utf8")).join("\n");

test("both languages have the same texts, none empty, with the same blanks", () => {
  assert.deepEqual(Object.keys(texts.zh), Object.keys(texts.en));
  const blanks = (s: string) => [...new Set(s.match(/\{\w+\}/g) ?? [])].sort();
  for (const key of Object.keys(texts.en) as Text[]) {
    assert.ok(texts.en[key] && texts.zh[key], key);
    assert.deepEqual(blanks(texts.zh[key]), blanks(texts.en[key]), key);
  }
  for (const [key, text] of Object.entries(texts.zh)) assert.ok(key === "language" || !/[a-z]/i.test(text.replace(/\{\w+\}/g, "")), `${key} is not in Chinese: ${text}`);
});

test("every text that is named is there, and every text is named", () => {
  const named = [...sources.matchAll(/data-(?:t|label|title|hint)="(\w+)"|\b(?:t|count)\("(\w+)"/g)].map((m) => m[1] ?? m[2]!);
  assert.ok(named.length > 60);
  for (const key of named) assert.ok(isText(key), key);
  for (const key of Object.keys(texts.en)) {
    // From codes, actions, roles.
    const made = /^(why_|words(None|Flag|Mask|Hold|Block|Shadow)$|role(Vip|Moderator|Owner)$)/.test(key);
    assert.ok(made || new RegExp(`["']${key.replace(/_one$/, "")}["'?]`).test(sources), key);
  }
});
