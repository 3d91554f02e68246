// One's own messages until the room has them, and how messages stand in the list. The server is made up here.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Locator, Page } from "playwright-core";
import { alone } from "./alone.js";
import { desktop, phone, shoot } from "./browser.js";
import { type Line, lines, type Op } from "./line.js";

const there = alone(), enter = lines(there);

const row = (page: Page, text: string) => page.locator("#rows .message", { hasText: text });
const opacity = (acts: Locator) => acts.evaluate((e) => getComputedStyle(e).opacity);

async function say(page: Page, body: string): Promise<void> {
  await page.fill("#say", body);
  await page.press("#say", "Enter");
}

/** Server takes sends as verdict says: a code refuses, "" takes, undefined leaves them without an answer. */
class Server {
  readonly sent: Op[] = [];
  verdict: string | undefined = "";
  readonly answer = (op: Op, { say, batch }: Line) => {
    if (op.t !== "send") return;
    this.sent.push(op);
    if (this.verdict) say({ t: "refused", id: op["id"], code: this.verdict, message: "no", retry_after_ms: 0 });
    else if (this.verdict === "") {
      say({ t: "ack", id: op["id"], epoch: "e", seq: 1, ts: Date.now() });
      batch({ user_id: "Mia", body: op["body"], id: op["id"] });
    }
  };
}

for (const [device, words] of [[desktop, ["Sending …", "Sent", "Not sent: the server could not keep it", "Send again", "Discard"]], [{ ...phone, locale: "zh-CN" }, ["正在发送…", "已发送", "未发送：服务器未能保存", "重新发送", "丢弃"]]] as const) {
  test(`a message of one's own says that it is sending, sent or failed, and goes again under its id: ${words[1]}`, async () => {
    const [sending, sentWord, failed, again, discard] = words, server = new Server();
    const { page, say: frame } = await enter({}, device, server.answer);
    server.verdict = undefined;
    await say(page, "one");
    await row(page, "one").filter({ hasText: sending }).waitFor();
    frame({ t: "ack", id: server.sent[0]!["id"], epoch: "e", seq: 1, ts: Date.now() });
    await row(page, "one").getByRole("img", { name: sentWord }).waitFor();
    server.verdict = "store_refused";
    await say(page, "two");
    await row(page, "two").filter({ hasText: failed }).waitFor();
    await say(page, "three");
    await row(page, "three").filter({ hasText: failed }).waitFor();
    assert.equal(await page.inputValue("#say"), "", "Enter would post it again, under another id");
    await shoot(page, `send-failed-${device.viewport.width}`);
    await row(page, "three").getByRole("button", { name: discard }).click();
    await row(page, "three").waitFor({ state: "detached" });
    server.verdict = "";
    await row(page, "two").getByRole("button", { name: again }).click();
    await row(page, "two").getByRole("img", { name: sentWord }).waitFor();
    assert.deepEqual(server.sent.map((op) => op["body"]), ["one", "two", "three", "two"]);
    assert.equal(server.sent[3]!["id"], server.sent[1]!["id"]);
    assert.deepEqual(await page.locator("#rows .body").allTextContents(), ["one", "two"]);
    await page.context().close();
  });
}

test("what the room does not want goes back into the field; where another text stands, into a row", async () => {
  const server = new Server(), { page, say: frame } = await enter({}, desktop, server.answer);
  server.verdict = "blocked";
  await say(page, "rude");
  await page.locator("#notice", { hasText: "Not sent" }).waitFor();
  assert.equal(await page.inputValue("#say"), "rude");
  await row(page, "rude").waitFor({ state: "detached" }); // with the next frame
  server.verdict = undefined;
  await say(page, "rude too");
  await row(page, "rude too").waitFor();
  await page.fill("#say", "a draft");
  frame({ t: "refused", id: server.sent[1]!["id"], code: "blocked", message: "no", retry_after_ms: 0 });
  await row(page, "rude too").filter({ hasText: "Not sent: this room does not take that text" }).waitFor();
  assert.equal(await page.inputValue("#say"), "a draft");
  await page.context().close();
});

test("an empty room says so, and who may not write is not asked to", async () => {
  for (const [device, text, frozen] of [[desktop, "Nobody has said anything yet. Say hello!", false], [{ ...phone, locale: "zh-CN" }, "还没有人发言。", true]] as const) {
    const { page, batch } = await enter({}, device, undefined, { can: ["read", "send"], modes: { frozen } });
    const empty = page.locator("#empty");
    await empty.filter({ hasText: text }).waitFor();
    const box = (await empty.boundingBox())!, log = (await page.locator("#log").boundingBox())!;
    assert.ok(box.y >= log.y && box.y + box.height <= log.y + log.height, "it stands in the list's place");
    await shoot(page, `send-empty-${device.viewport.width}`);
    const both = page.evaluate(() => new Promise<boolean>((seen) => {
      const rows = document.querySelector("#rows")!;
      new MutationObserver(() => rows.childElementCount && seen(document.querySelector("#empty")!.checkVisibility())).observe(rows, { childList: true });
    }));
    await page.evaluate(() => {}); // By then the one before is asked.
    batch({ body: "hello" });
    assert.equal(await both, false, "it goes with the frame that has the first row");
    await page.context().close();
  }
});

for (const device of [desktop, phone]) {
  test(`a long message ends with a whole line and can be read to its end, and no row ends with an empty one: ${device.viewport.width}`, async () => {
    const { page, batch } = await enter({}, device);
    const long = Array.from({ length: 200 }, (_, i) => `word${i}`).join(" ");
    // some end where a clock would not fit any more
    for (let n = 10; n < 40; n++) batch({ user_id: "Eve", body: "x".repeat(n) });
    batch({ user_id: "Eve", body: long }, { user_id: "Bob", body: "last" });
    await row(page, "last").waitFor();
    const lines = (text: Locator) => text.evaluate((e) => e.clientHeight - parseFloat(getComputedStyle(e).paddingTop)).then(async (height) => height / await text.evaluate((e) => parseFloat(getComputedStyle(e).lineHeight)));
    const texts = page.locator("#rows p.text");
    for (let i = 0; i < await texts.count(); i++) {
      const text = texts.nth(i), n = await lines(text), ends = await text.evaluate((e) => e.getBoundingClientRect().bottom - Math.max(...[...e.querySelector(".body")!.getClientRects()].map((r) => r.bottom)));
      assert.ok(Math.abs(n - Math.round(n)) < 0.1, `${n} lines`);
      assert.ok(ends < 8, `an empty line of ${ends} px`);
    }
    const folded = row(page, "word0"), before = await lines(folded.locator("p.text"));
    assert.ok(before > 7.9 && before < 8.1, `${before} lines`);
    await folded.getByRole("button", { name: "Show all" }).click();
    await folded.locator(".more").waitFor({ state: "detached" });
    assert.ok(await lines(folded.locator("p.text")) > 12);
    await page.context().close();
  });
}

test("what can be done to a message shows where the mouse is, or after a tap", async () => {
  for (const device of [desktop, phone]) {
    const server = new Server();
    let done = () => {};
    const recalled = new Promise<void>((resolve) => (done = resolve));
    const { page } = await enter({}, device, (op, line) => {
      server.answer(op, line);
      if (op.t === "recall") done();
    });
    await say(page, "mine");
    const mine = row(page, "mine"), acts = mine.locator(".acts");
    await acts.locator(".recall").waitFor({ state: "attached" });
    await page.mouse.move(5, 5);
    assert.equal(await opacity(acts), "0");
    await shoot(page, `send-row-${device.viewport.width}`);
    if (device === phone) {
      await mine.locator(".body").tap();
      await page.locator("#rows .message.chosen").waitFor();
    } else await mine.hover();
    assert.equal(await opacity(acts), "1");
    assert.match((await acts.locator("time").textContent())!, /^\d\d:\d\d$/);
    if (device === phone) await acts.locator(".recall").tap();
    else await acts.locator(".recall").click();
    await recalled;
    await page.context().close();
  }
});

test("names and texts that turn around what follows turn nothing but themselves", async () => {
  const { page, batch } = await enter({}, desktop);
  batch({ user_id: "e\u202ev\u2069e", body: "\u2069\u202eabc" }, { user_id: "مريم", body: "שלום 123" }, { user_id: "Bob", body: "last" });
  await row(page, "last").waitFor();
  const marks = await page.locator("#rows").evaluate((e) => /[\u202a-\u202e\u2066-\u2069]/.test(e.textContent!));
  assert.equal(marks, false);
  for (const name of ["eve", "مريم"]) {
    const message = row(page, name), at = (part: string) => message.locator(part).boundingBox().then((box) => box!.x);
    assert.ok(await at(".who") < await at(".body"), `${name}: the text stands before the name`);
  }
  await page.context().close();
});

test("a text keeps to its row: empty lines around it are not shown, and heaps of accents cover nobody else's words", async () => {
  const { page, batch } = await enter({}, desktop);
  batch({ body: "above" }, { body: "\n\n two\n\nparts \n\n\n" }, { body: `a${"\u0301\u0316".repeat(60)}` }, { body: "below" });
  const rows = page.locator("#rows .message");
  await rows.nth(3).waitFor();
  assert.deepEqual(await page.locator("#rows .body").allTextContents(), ["above", "two\n\nparts", `a${"\u0301\u0316".repeat(60)}`, "below"]);
  const [one, accents] = await Promise.all([0, 2].map((i) => rows.nth(i).evaluate((row) => row.getBoundingClientRect().height)));
  assert.ok(accents! < 2 * one!, `${accents} px`);
  assert.equal(await rows.nth(2).locator("p.text").evaluate((e) => getComputedStyle(e).overflow), "clip");
  await page.context().close();
});
