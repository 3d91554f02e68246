// People who speak to each other: answers, mentions, gifts, and what one missed. The server is made up here.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { alone } from "./alone.js";
import { desktop, focused, moving, phone } from "./browser.js";
import { lines, type Op } from "./line.js";

const there = alone(), enter = lines(there);
const row = (page: Page, text: string) => page.locator("#rows .message", { hasText: text });

for (const [device, answering, label] of [[desktop, "You answer Eve: who drums?", "Answer “who drums?” of Eve"], [{ ...phone, locale: "zh-CN" }, "回复 Eve：who drums?", "回复 Eve 的消息“who drums?”"]] as const) {
  test(`an answer says what it answers, and leads there: ${label}`, async () => {
    const sent: Op[] = [];
    const { page, batch } = await enter({}, device, (op, line) => {
      if (op.t !== "send") return;
      sent.push(op);
      line.say({ t: "ack", id: op["id"], epoch: "e", seq: 1, ts: Date.now() });
      line.batch({ user_id: "Mia", body: op["body"], id: op["id"], ext: op["ext"] });
    });
    batch({ user_id: "Eve", body: "who drums?", id: "c-1" }, ...Array.from({ length: 40 }, (_, i) => ({ body: `line ${i}` })), { user_id: "Eve", body: "who drums?", id: "c-2" });
    await row(page, "who drums?").getByRole("button", { name: label }).last().dispatchEvent("click");
    await page.locator("#answeringTo", { hasText: answering }).waitFor();
    assert.equal(await focused(page), "say");
    const end = (await page.locator("#answeringEnd").boundingBox())!;
    assert.ok(end.x + end.width <= device.viewport.width - 8, "what ends it sticks out");
    if (device !== desktop) {
      const [heart, field] = (await Promise.all([page.locator("#like").boundingBox(), page.locator("#say").boundingBox()])) as { y: number; height: number }[];
      assert.ok(Math.abs(heart!.y + heart!.height / 2 - field!.y - field!.height / 2) < 6, `the heart at ${heart!.y} is not beside the field at ${field!.y}`);
    }
    await page.keyboard.press("Escape");
    await page.locator("#answering").waitFor({ state: "hidden" });
    await row(page, "who drums?").getByRole("button", { name: label }).last().dispatchEvent("click");
    await page.keyboard.type("Priya");
    await page.keyboard.press("Enter");
    await page.locator("#answering").waitFor({ state: "hidden" });
    await row(page, "Priya").locator(".reply", { hasText: "who drums?" }).waitFor();
    assert.deepEqual(sent[0]!["ext"], { reply: { user_id: "Eve", id: "c-2", name: "Eve", body: "who drums?" } });
    batch({ user_id: "Bob", body: "so I heard", ext: { reply: { user_id: "Eve", id: "c-1", name: "Eve", body: "who drums?" } } });
    await row(page, "so I heard").locator(".reply").click();
    const log = (await page.locator("#log").boundingBox())!, sought = (await page.locator(".sought").boundingBox())!;
    assert.ok(sought.y >= log.y && sought.y + sought.height <= log.y + log.height, "the first of all is on the screen now");
    await page.context().close();
  });
}

test("an answer shows what the list has of the message, never what its sender says that it was, and nothing of what was taken back", async () => {
  const { page, batch, say } = await enter({}, desktop), reply = (text: string) => row(page, text).locator(".reply");
  batch({ user_id: "Eve", body: "who drums?", id: "c-1" }, { body: "truly", ext: { reply: { user_id: "Eve", id: "c-1", name: "Ann", body: "buy followers" } } }, { body: "elsewhere", ext: { reply: { user_id: "Ann", id: "c-9", name: "Ann", body: "buy followers" } } });
  await row(page, "elsewhere").waitFor();
  assert.deepEqual([await reply("truly").textContent(), await reply("elsewhere").textContent()], ["Eve: who drums?", "In answer to a message that is not here"]);
  await row(page, "who drums?").locator(".answer").first().dispatchEvent("click");
  await page.locator("#answeringTo", { hasText: "who drums?" }).waitFor();
  say({ t: "recalled", seq: 1, by: "", user_id: "Eve", id: "c-1", ts: Date.now() });
  await reply("truly").filter({ hasText: "In answer to a message that was taken back" }).waitFor();
  await page.locator("#answering").waitFor({ state: "hidden" });
  assert.equal(await page.locator("#rows").getByText("who drums?").count(), 0);
  await page.context().close();
});

test("an answer that the room does not want comes back into the field as one", async () => {
  const sent: Op[] = [];
  const { page, batch } = await enter({}, desktop, (op, line) => {
    if (op.t !== "send") return;
    sent.push(op);
    line.say({ t: "refused", id: op["id"], code: "blocked", message: "no", retry_after_ms: 0 });
  });
  batch({ user_id: "Eve", body: "hello" });
  await row(page, "hello").locator(".answer").dispatchEvent("click");
  await page.keyboard.type("rude");
  await page.keyboard.press("Enter");
  await page.locator("#answeringTo", { hasText: "You answer Eve: hello" }).waitFor();
  assert.equal(await page.inputValue("#say"), "rude");
  await page.context().close();
});

test("what speaks to the reader stands out, and is there in a storm too; what speaks to others does not", async () => {
  const { page, batch } = await enter({}, desktop);
  batch(...Array.from({ length: 500 }, (_, i) => ({ body: `storm ${i}` })), { body: "hey @mia, look" }, { body: "@Miar is another" }, { body: "yes", ext: { reply: { user_id: "Mia", id: "x", name: "Mia", body: "no?" } } });
  await row(page, "yes").waitFor();
  assert.deepEqual(await page.locator(".called .body").allTextContents(), ["hey @mia, look", "yes"]);
  assert.deepEqual(await page.locator("mark").allTextContents(), ["@mia"]);
  await page.context().close();
});

test("gifts stand in a row of their own: three at once, the same one counted, and gone with their message", async () => {
  const { page, batch, say } = await enter({}, desktop), gifts = page.locator("#gifts li");
  batch(...["Ann", "Bob", "Bob", "Cid", "Dan"].map((user_id, i) => ({ kind: "gift", user_id, body: "🎁 ×10", id: `g-${i}` })));
  await page.waitForFunction(() => document.querySelectorAll("#gifts li").length === 3);
  assert.deepEqual(await gifts.allTextContents(), ["Ann 🎁 ×10", "Bob 🎁 ×10 ×2", "Cid 🎁 ×10"]);
  say({ t: "recalled", seq: 1, by: "", user_id: "Ann", id: "g-0", ts: Date.now() });
  await gifts.filter({ hasText: "Dan" }).waitFor();
  assert.equal(await gifts.filter({ hasText: "Ann" }).count(), 0);
  await page.context().close();
});

test("no gift keeps its place by coming again; of more than may wait the oldest are left out, and counted", async () => {
  const { page, batch } = await enter({}, desktop), gifts = page.locator("#gifts li:not(.rest)"), give = (user_id: string) => ({ kind: "gift", user_id, body: "🎁" });
  await page.clock.install();
  await page.clock.pauseAt(Date.now() + 60_000); // From here on the page has the time that we give it.
  batch(...["Ann", "Bob", "Cid", "Dan", "Dan", "Ann"].map(give));
  await gifts.filter({ hasText: "Ann 🎁 ×2" }).waitFor();
  assert.equal(await gifts.filter({ hasText: "Dan" }).count(), 0);
  await page.clock.runFor(1000);
  batch(give("Ann"), give("Bob"), give("Cid"));
  await gifts.filter({ hasText: "Cid 🎁 ×2" }).waitFor();
  await page.clock.runFor(800);
  await gifts.filter({ hasText: "Dan 🎁 ×2" }).waitFor();
  assert.deepEqual((await gifts.allTextContents()).map((text) => text.slice(0, 3)), ["Bob", "Cid", "Dan"], "no more make room than come");
  batch(...Array.from({ length: 60 }, (_, i) => give(`fan-${i}`)));
  await page.locator("#gifts .rest", { hasText: "10 more gifts" }).waitFor(); // Two came to places, 48 wait.
  await page.evaluate(() => {
    let times = 0;
    new MutationObserver((all) => {
      times += all.filter(({ removedNodes: [gone] }) => (gone as Element | undefined)?.className === "rest").length;
      document.body.dataset["rest"] = String(times);
    }).observe(document.getElementById("gifts")!, { childList: true });
  });
  for (let rounds = 0; await gifts.filter({ hasText: "fan-59 🎁" }).count() === 0; rounds++) {
    assert.ok(rounds < 17, "a gift that waited came later than 25 s after it was given");
    const first = (await gifts.first().textContent())!;
    await page.clock.runFor(1500);
    await gifts.filter({ hasText: first }).waitFor({ state: "detached" });
  }
  assert.equal(await page.locator("#gifts .rest").count(), 0);
  assert.equal(await page.getAttribute("body", "data-rest"), "1", "what says how many are left out goes once: each time it comes in anew");
  await page.context().close();
});

test("on a phone, too, each gift that has a place is seen", async () => {
  const { page, batch } = await enter({}, phone), gifts = page.locator("#gifts li:not(.rest)");
  await page.clock.install();
  await page.clock.pauseAt(Date.now() + 60_000);
  batch(...Array.from({ length: 40 }, (_, i) => ({ kind: "gift", user_id: `fan-${i}`, body: "🎁" })));
  await page.locator("#gifts .rest", { hasText: "6 more gifts" }).waitFor(); // Two have a place, 32 wait.
  assert.deepEqual(await gifts.evaluateAll((all) => all.map((e) => e.clientHeight > 0)), [true, true]);
  assert.deepEqual(await gifts.allTextContents(), ["fan-0 🎁", "fan-1 🎁"]);
  await page.context().close();
});

test("the list is one stop of the Tab key: arrows go from message to message and among what can be done, and it stands still meanwhile", async () => {
  const { page, batch } = await enter({}, desktop, undefined, { can: ["read", "send", "recall", "moderate"], you: { role: "moderator", muted_until: 0, reason: "" } });
  const at = () => page.evaluate(() => `${document.activeElement!.className} ${document.activeElement!.closest("li")?.querySelector(".body")?.textContent ?? ""}`);
  batch(...Array.from({ length: 40 }, (_, i) => ({ body: `line ${i}` })));
  await row(page, "line 39").waitFor();
  assert.deepEqual(await page.locator("#rows .acts button").evaluateAll((all) => all.filter((b) => b.clientWidth < 22 || b.clientHeight < 22).map((b) => b.className)), [], "WCAG 2.2 wants 24 px with the border");
  await page.focus("#log");
  const seen: string[] = [];
  for (const key of ["ArrowUp", "ArrowUp", "ArrowRight", "ArrowUp", "ArrowDown", "ArrowDown"]) {
    await page.keyboard.press(key);
    seen.push(await at());
  }
  assert.deepEqual(seen, ["answer line 39", "answer line 38", "menu line 38", "answer line 37", "answer line 38", "answer line 39"]);
  batch({ body: "newer" }, { body: "newest" });
  await page.locator("#pill", { hasText: "2 new messages" }).waitFor();
  await page.evaluate(() => { // Faster than frames, and what is not drawn yet, too.
    for (let i = 39; i > 5; i--) document.activeElement!.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowUp", bubbles: true }));
  });
  assert.equal(await at(), "answer line 5");
  assert.ok(await page.evaluate(() => document.activeElement!.getBoundingClientRect().top >= document.getElementById("log")!.getBoundingClientRect().top), "the focus is out of sight");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement!.closest("#log")), null, "a second stop");
  await page.locator("#pill").waitFor({ state: "hidden" });
  await row(page, "newest").waitFor();
  await page.focus("#log");
  await page.keyboard.press("ArrowUp");
  assert.equal(await at(), "answer newest");
  await page.keyboard.press("Escape");
  assert.equal(await page.evaluate(() => document.activeElement!.id), "log");
  await page.keyboard.press("ArrowUp");
  await page.evaluate(() => { // All rows are made anew, and a key comes before the frame.
    document.getElementById("log")!.focus();
    document.querySelector<HTMLElement>("header .language")!.click();
    document.activeElement!.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowUp", bubbles: true }));
  });
  assert.equal(await at(), "answer newest");
  await page.click("header .language");
  await page.focus("#log");
  await page.keyboard.press("ArrowUp");
  await page.evaluate(() => { // The row with the focus is scrolled away, and a key comes before the frame.
    document.getElementById("log")!.scrollTop = 0;
    document.activeElement!.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true }));
  });
  assert.equal(await page.evaluate(() => document.activeElement!.id), "log", "the focus goes to another row");
  await page.context().close();
});

test("what is read stays where it is while rows are made anew: all of them, and those that answer others", async () => {
  const { page, batch, say } = await enter({}, desktop), top = () => row(page, "line 40").evaluate((node) => node.getBoundingClientRect().top);
  batch(...Array.from({ length: 60 }, (_, i) => ({ body: `line ${i}`, ext: { reply: { user_id: "Eve", id: "~1" } } })));
  await row(page, "line 59").waitFor();
  await page.locator("#log").evaluate((log) => log.scrollTop -= 200);
  await row(page, "line 40").waitFor();
  const before = await top();
  for (const renew of [() => page.click("header .language"), () => say({ t: "recalled", seq: 1, by: "", user_id: "Eve", id: "~1", ts: Date.now() })]) {
    await row(page, "line 40").evaluate((node) => node.classList.add("old"));
    await renew();
    await page.locator(".old").waitFor({ state: "detached" });
    assert.equal(await top(), before);
  }
  await page.context().close();
});

test("the focus stays in the list, where it is: a row is made anew, a menu opens, the window loses it, a message goes", async () => {
  const recalled = (seq: number) => ({ t: "recalled", seq, by: "", user_id: "Eve", id: `~${seq}`, ts: Date.now() });
  const { page, batch, say } = await enter({}, desktop, (op, line) => {
    if (op.t !== "mod") return;
    line.say({ t: "done", id: op["id"], verb: op["verb"], n: 0 });
    line.say(recalled(Number(op["seq"])));
  }, { can: ["read", "send", "recall", "moderate"], you: { role: "moderator", muted_until: 0, reason: "" } });
  const at = () => page.evaluate(() => document.activeElement!.id || `${document.activeElement!.className} ${document.activeElement!.closest("li")?.querySelector(".body")?.textContent ?? ""}`);
  const press = async (key: string, times = 1) => {
    for (; times > 0; times--) await page.keyboard.press(key);
  };
  const below = () => page.locator("#log").evaluate((log) => log.scrollHeight - log.clientHeight - log.scrollTop);
  batch(...Array.from({ length: 60 }, (_, i) => ({ body: `line ${i}`, ext: { reply: { user_id: "Eve", id: "~1" } } })));
  await row(page, "line 59").waitFor();
  await page.focus("#log");
  await press("ArrowUp", 40);
  await press("ArrowRight");
  assert.equal(await at(), "menu line 20");
  await row(page, "line 20").evaluate((node) => node.classList.add("old"));
  say(recalled(60)); // All that answer something are made anew.
  await page.locator(".old").waitFor({ state: "detached" });
  assert.equal(await at(), "menu line 20");
  // As where another window covers this one.
  await page.evaluate(() => document.activeElement!.dispatchEvent(new FocusEvent("focusout", { bubbles: true })));
  await press("Enter");
  await page.locator("#acts[open]").waitFor();
  await press("Escape");
  await page.locator("#acts[open]").waitFor({ state: "hidden" });
  assert.equal(await at(), "menu line 20");
  await press("Enter");
  await page.locator("#acts[open]").waitFor();
  await press("Enter"); // Delete
  await page.locator("#rows .note").first().waitFor();
  assert.equal(await at(), "log");
  assert.ok(await below() > 100, "the list has gone to its end");
  await press("ArrowUp");
  assert.match(await at(), /^answer line \d\d$/);
  await press("Escape");
  await row(page, "line 58").waitFor();
  assert.ok(await below() < 5, "the list does not follow again");
  await page.context().close();
});

test("what came while the page was hidden is counted in its title, until it is seen", async () => {
  const { page, batch } = await enter({}, desktop);
  const hide = (hidden: boolean) => page.evaluate((hidden) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
  batch({ body: "seen" });
  await row(page, "seen").waitFor();
  await hide(true);
  batch({ body: "one" }, { body: "two" });
  await page.waitForFunction(() => document.title === "(2) r · Barrage");
  batch(...Array.from({ length: 1000 }, (_, i) => ({ body: `more ${i}` })));
  await page.waitForFunction(() => document.title === "(999+) r · Barrage");
  await hide(false);
  assert.equal(await page.title(), "r · Barrage");
  await page.context().close();
});

test("how comments fly can be chosen, by keyboard too, and stays", async () => {
  const page = await there.pages.open(`${there.url}?demo=1&rate=20`, { ...desktop, ...moving }), sky = () => page.locator("#sky").evaluate((e) => [getComputedStyle(e).opacity, Math.round(100 * e.clientHeight / (e.parentElement!.clientHeight - document.getElementById("bar")!.clientHeight))]);
  assert.deepEqual(await sky(), ["1", 100]);
  await page.focus("#tune");
  await page.keyboard.press("Enter");
  await page.locator("#settings[open]").waitFor();
  for (const [name, key, n] of [["Opacity", "ArrowLeft", 6], ["Height that they have", "ArrowLeft", 2], ["Size", "ArrowRight", 8], ["Speed", "End", 1]] as const) {
    await page.getByLabel(name).focus();
    for (let i = 0; i < n; i++) await page.keyboard.press(key);
  }
  assert.deepEqual(await page.locator("#settings small").allTextContents(), ["40 %", "180 %", "200 %", "50 %"]);
  await page.keyboard.press("Escape");
  await page.reload();
  await page.locator("#state[data-state=open]").waitFor();
  assert.deepEqual(await sky(), ["0.4", 50]);
  await page.click("#tune");
  await page.getByRole("button", { name: "As usual" }).click();
  assert.deepEqual(await sky(), ["1", 100]);
  await page.locator("#flies").uncheck();
  assert.equal(await page.getAttribute("#fly", "aria-pressed"), "false");
  assert.ok(await page.getByLabel("Size").isDisabled());
  await page.context().close();
});
