import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { isText, speak, t, texts, type Text } from "../src/texts.js";

const sources = readdirSync("src").filter((f) => f !== "texts.ts").map((f) => readFileSync(`src/${f}`, "utf8")).join("\n");

test("both languages have the same texts, none empty, with the same blanks", () => {
  assert.deepEqual(Object.keys(texts.zh), Object.keys(texts.en));
  const blanks = (s: string) => (s.match(/\{\w+\}/g) ?? []).sort();
  for (const key of Object.keys(texts.en) as Text[]) {
    assert.ok(texts.en[key] && texts.zh[key], key);
    assert.deepEqual(blanks(texts.zh[key]), blanks(texts.en[key]), key);
  }
});

test("every text that the page's elements name is there", () => {
  const named = [...sources.matchAll(/data-(?:t|label|title|hint)="(\w+)"/g)].map((m) => m[1]!);
  assert.ok(named.length > 15);
  for (const key of named) assert.ok(isText(key), key);
});

test("every text is used", () => {
  for (const key of Object.keys(texts.en)) {
    const whole = key.startsWith("why_") || ["idle", "connecting", "open"].includes(key); // Made from the client's codes.
    assert.ok(whole || new RegExp(`(?<!\\$\\(|\\$<\\w+>\\(|id=)"${key}"`).test(sources), key);
  }
});

test("t fills in the blanks and writes numbers as the language does", () => {
  speak("en");
  assert.equal(t("online", { n: 12345 }), "12,345 online");
  assert.equal(t("heard", { n: 2, who: "{n}", body: "$&" }), "2 new messages. {n}: $&");
  speak("zh");
  assert.equal(t("online", { n: 12345 }), "12,345 人在线");
  speak("en");
});
