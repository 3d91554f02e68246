import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { BarrageError } from "../../client/src/index.js";
import { isText, speak, t, texts, type Text } from "../src/texts.js";
import { why, whyOf } from "../src/why.js";

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

/** protocolCodes are all words that stand as code in a table of docs/protocol.md. */
function protocolCodes(): string[] {
  const codes: string[] = [];
  let column = -1;
  for (const line of readFileSync("../../docs/protocol.md", "utf8").split("\n")) {
    const cells = line.split("|").map((cell) => cell.trim());
    if (cells.length < 3) column = -1;
    else if (column < 0) column = cells.indexOf("code");
    if (column >= 0) codes.push(...[...cells[column]!.matchAll(/`([a-z_]+)`/g)].map((m) => m[1]!));
  }
  return codes;
}

/** quoted are the words in quotes in that part of a file of the client. */
function quoted(file: string, part: RegExp): string[] {
  return [...part.exec(readFileSync(`../client/src/${file}`, "utf8"))![0].matchAll(/"([a-z_]+)"/g)].map((m) => m[1]!);
}

test("every code of the protocol and of the client has words of its own, in both languages", () => {
  const calm = ["new", "connect", "retry", "welcome"]; // Reasons that nobody asks for.
  const codes = new Set([
    ...protocolCodes(), ...quoted("errors.ts", /type ErrorCode =.*?\n\n/s), ...quoted("backoff.ts", /const stops.*?\};/s), ...quoted("http.ts", /const codes.*?\};/s),
    ...quoted("types.ts", /type StateReason =.*?\n\n/s).filter((reason) => !calm.includes(reason)),
  ]);
  for (const known of ["unavailable", "store_refused", "overflow", "network", "unconfirmed", "silent", "origin_not_allowed", "too_old", "no_such_room"]) assert.ok(codes.has(known), known);
  const enumerated = /code:\s+description: For programs\.\s+enum: \[(.*?)\]/s.exec(readFileSync("../../gateway/v1/openapi.yaml", "utf8"))![1]!.split(/,\s*/);
  assert.ok(enumerated.includes("internal"));
  for (const code of codes) assert.ok(isText(`why_${code}`), code);
  for (const key of Object.keys(texts.en)) {
    const code = /^(?:why|send|recall|mod)_(.*)$/.exec(key)?.[1];
    assert.ok(!code || codes.has(code) || enumerated.includes(code), `nobody says ${code}`);
  }
  for (const [key, text] of Object.entries(texts.zh)) assert.ok(key === "language" || !/[a-z]/i.test(text.replace(/\{\w+\}/g, "")), `${key} is not in Chinese: ${text}`);
});

test("why knows what was done, and has words for codes that it does not know", () => {
  speak("zh");
  assert.equal(why("forbidden", "stay"), "你不是房间成员");
  assert.equal(whyOf(new BarrageError("forbidden", "cannot recall: message 1 is not yours"), "recall"), "这不是你的消息");
  assert.equal(whyOf(new BarrageError("timeout", "no answer within 30000 ms"), "send"), "没有回应，可能已送达");
  assert.equal(whyOf(new BarrageError("timeout", "no answer within 30000 ms"), "recall"), "没有回应");
  assert.equal(whyOf(new BarrageError("brand_new", "a sentence in English"), "send"), "出错了（brand_new）");
  assert.equal(whyOf(new TypeError("x is not a function"), "read"), "出错了（TypeError）");
  speak("en");
  assert.equal(whyOf(new BarrageError("too_old", "cannot recall: message 1 is older than 1s"), "recall"), "too long ago");
});

test("every text is used", () => {
  for (const key of Object.keys(texts.en)) {
    // Made from the client's codes.
    const whole = /^(why|send|recall|mod)_/.test(key) || ["idle", "connecting", "open"].includes(key);
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
