// Order in a room: the effects of its rules, its moderators and a storm on the page, and the acts of a moderator there.
// The server is made up here.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { BrowserContextOptions, Page } from "playwright-core";
import { alone } from "./alone.js";
import { desktop, focused, moving, phone, shoot } from "./browser.js";
import { type Line, lines, type Op } from "./line.js";

const there = alone(), enter = lines(there);

const chinese = { ...phone, locale: "zh-CN" } satisfies BrowserContextOptions;
const forGood = 253_402_300_799_000;

const modes = { v: "1", slow_ms: 0, frozen: false, who: "all", tags: [], first_delay_ms: 0, dup_s: 0, unique_s: 0, links: "allow", emote_only: false, max_caps: 0, pinned: null, cleared: 0 };
const you = { role: "", muted_until: 0, reason: "" };
const all = ["read", "send", "like", "recall"];
const viewer = { can: all, modes, you };
const moderator = { can: [...all, "moderate"], modes, you: { ...you, role: "moderator" } };

/** Desk is a server that does what moderators ask for, or refuses it with a code. */
class Desk {
  readonly ops: Op[] = [];
  code = "";
  n = 0;
  readonly answer = (op: Op, line: Line) => {
    if (op.t !== "mod") return;
    const { id, ...rest } = op;
    this.ops.push(rest);
    line.say(this.code ? { t: "refused", id, code: this.code, message: "an English sentence", retry_after_ms: 0 } : { t: "done", id, verb: op["verb"], n: this.n });
  };
}

const gate = (page: Page, text: string | RegExp) => page.locator("#gateWhy").filter({ hasText: text }).waitFor();
const told = (page: Page, text: string) => page.locator("#notice").filter({ hasText: text }).waitFor();
const row = (page: Page, text: string) => page.locator("#rows .message", { hasText: text });
const gone = (page: Page, id: string) => page.locator(`#${id}`).waitFor({ state: "hidden" });

async function say(page: Page, body: string): Promise<void> {
  await page.fill("#say", body);
  await page.press("#say", "Enter");
}

/** fits says that these are on the screen, and the page is no wider than it. */
async function fits(page: Page, ...ids: string[]): Promise<void> {
  const { width, height } = page.viewportSize()!;
  for (const id of ids) {
    const box = await page.locator(`#${id}`).boundingBox();
    assert.ok(box && box.width > 0 && box.x >= 0 && box.x + box.width <= width + 0.5 && box.y + box.height <= height + 0.5, `${id}: ${JSON.stringify(box)}`);
  }
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth && [...document.querySelectorAll("#rows li, #strip > *")].every((e) => e.scrollWidth <= e.clientWidth)));
}

/** later lets seconds pass on the page's clock at once. */
async function later(page: Page, seconds: number): Promise<void> {
  await page.clock.install();
  await page.clock.fastForward(seconds * 1000);
}

/** clear waits until nothing flies, or something does. */
const clear = (page: Page, blank: boolean) => page.waitForFunction((blank) => {
  const { width, height } = document.getElementById("sky") as HTMLCanvasElement;
  return (document.getElementById("sky") as HTMLCanvasElement).getContext("2d")!.getImageData(0, 0, width, height).data.every((x) => x === 0) === blank;
}, blank);

for (const [device, frozen, muted, reason] of [
  [desktop, "Only moderators may write now.", /^You are muted until \d\d:\d\d\. Reason: spam$/, "You are muted for good."],
  [chinese, "现在只有管理员可以发言。", /^你已被禁言，\d\d:\d\d 结束。 原因：spam$/, "你已被永久禁言。"],
] as const) {
  test(`the field says why one may not write, and is there again when one may: ${frozen}`, async () => {
    const { page, say } = await enter({}, device, undefined, { ...viewer, modes: { ...modes, frozen: true } });
    await gate(page, frozen);
    await fits(page, "gate");
    say({ t: "room", modes });
    await page.locator("#composer").waitFor();
    await page.fill("#say", "a draft");
    say({ t: "you", ...you, muted_until: Date.now() + 3_600_000, reason: "spam", can: all });
    await gate(page, muted);
    assert.ok(await page.locator("#like").isDisabled(), "who is muted may not like");
    await fits(page, "gate");
    await shoot(page, `order-muted-${device.viewport.width}`);
    say({ t: "you", ...you, muted_until: forGood, can: all });
    await gate(page, reason);
    say({ t: "you", ...you, can: all });
    await page.locator("#composer").waitFor();
    assert.equal(await page.inputValue("#say"), "a draft");
    assert.ok(await page.locator("#like").isEnabled());
    await page.context().close();
  });
}

test("a short mute counts down, and ends by itself", async () => {
  const { page } = await enter({}, desktop, undefined, { ...viewer, you: { ...you, muted_until: Date.now() + 110_000 } });
  await gate(page, "You are muted.");
  const wait = (await page.textContent("#gateWait"))!, seconds = Number(/^you may write again in (\d+) s$/.exec(wait)?.[1]);
  assert.ok(seconds > 20 && seconds <= 110, wait);
  await page.waitForFunction((wait) => document.getElementById("gateWait")!.textContent !== wait, wait);
  await later(page, 110);
  await page.locator("#composer").waitFor();
  await page.context().close();
});

test("a refusal says what the rules are, also before the page has heard of them", async () => {
  let code = "muted";
  const { page } = await enter({}, desktop, (op, line) => {
    if (op.t === "send") line.say({ t: "refused", id: op["id"], code, message: "no", retry_after_ms: 0 });
  }, { ...viewer, modes: { ...modes, who: "tagged" } });
  for (const [refused, text] of [["links", "no links here"], ["caps", "too many capital letters"], ["blocked", "this room does not take that text"], ["emote_only", "only emotes here"]] as const) {
    code = refused;
    await say(page, "hi");
    await told(page, `Not sent: ${text}`);
    assert.equal(await page.inputValue("#say"), "hi", "it is there to be changed");
  }
  code = "held";
  await say(page, "hi");
  await told(page, "A moderator looks at your message first.");
  assert.equal(await page.inputValue("#say"), "", "a moderator has it");
  code = "restricted";
  await say(page, "hi");
  await gate(page, "Only some users may write in this room.");
  await page.context().close();
});

test("slow mode counts down after a message, says how often without one, and holds the next one back", async () => {
  const sent: unknown[] = [];
  const { page, say: frame } = await enter({}, desktop, (op, line) => {
    if (op.t !== "send") return;
    sent.push(op["body"]);
    line.say(sent.length === 1 ? { t: "ack", id: op["id"], epoch: "e", seq: 1, ts: Date.now() } : { t: "refused", id: op["id"], code: "slow_mode", message: "no", retry_after_ms: 40_000 });
  }, { ...viewer, modes: { ...modes, slow_ms: 60_000 } });
  const pause = (text: RegExp) => page.locator("#pause").filter({ hasText: text }).waitFor();
  await pause(/^Slow mode: one message every 60 s$/);
  await say(page, "one");
  await pause(/^Slow mode: you may write again in \d+ s$/);
  await say(page, "too soon");
  assert.deepEqual([sent, await page.inputValue("#say"), await page.getAttribute("#send", "aria-disabled")], [["one"], "too soon", "true"]);
  await later(page, 60);
  await pause(/^Slow mode: one message every 60 s$/);
  await page.press("#say", "Enter");
  await told(page, "Not sent: slow mode");
  await pause(/^Slow mode: you may write again in [1-4]\d s$/);
  assert.deepEqual(sent, ["one", "too soon"]);
  assert.equal(await page.inputValue("#say"), "too soon", "it is there to be sent again");
  await shoot(page, "order-slow");
  frame({ t: "room", modes });
  await gone(page, "pause");
  assert.equal(await page.getAttribute("#send", "aria-disabled"), "false");
  await page.context().close();
});

test("a text that was said already is held back, another one is not", async () => {
  const sent: unknown[] = [];
  const { page } = await enter({}, chinese, (op, line) => {
    if (op.t === "send") line.say({ t: "refused", id: op["id"], code: "duplicate", message: "no", retry_after_ms: sent.push(op["body"]) === 1 ? 40_000 : 4_000_000 });
  }, viewer);
  await say(page, "666");
  await page.locator("#pause").filter({ hasText: /^这句话已经说过：\d+ 秒后可以再说$/ }).waitFor();
  await page.press("#say", "Enter");
  await say(page, "777");
  await page.locator("#pause").filter({ hasText: /：[34],\d{3} 秒/ }).waitFor();
  assert.deepEqual(sent, ["666", "777"]);
  await page.context().close();
});

test("who is sent out sees for how long, and comes back by a click; who is banned sees until when", async () => {
  const { page, close } = await enter({}, desktop, undefined, viewer);
  const refuse = (code: string, until: number) => page.route(/for=socket/, (route) => route.fulfill({ status: 403, json: { error: { code, message: "out", until } } }));
  await refuse("kicked", Date.now() + 100_000);
  close(4403, "kicked");
  await gate(page, "A moderator sent you out of this room.");
  assert.match((await page.textContent("#gateWait"))!, /^You may come back in \d+ s\.$/);
  assert.ok(await page.locator("#now").isHidden(), "to connect again is no use yet");
  assert.ok(await page.locator("#gateOffer").isHidden());
  await later(page, 100);
  await page.click("#gateOffer");
  await page.locator("#state[data-state=open]").waitFor();
  await page.locator("#composer").waitFor();
  await refuse("banned", forGood);
  await page.focus("#say");
  close(4403, "banned");
  await gate(page, "You are banned from this room for good.");
  await page.locator("#state", { hasText: "Closed: you are banned" }).waitFor();
  for (const id of ["now", "gateOffer"]) assert.ok(await page.locator(`#${id}`).isHidden(), id);
  assert.equal(await focused(page), "log", "the focus went with the field");
  await page.context().close();
});

test("the pinned message stands above the list as text, and goes when the room or a recall says so", async () => {
  const pinned = { seq: 1, kind: "chat", user_id: "Eve", body: "<b>read</b> me", ts: Date.now(), id: "c-1", user: { name: "Eva" } };
  const { page, say } = await enter({}, chinese, undefined, { ...viewer, modes: { ...modes, pinned } });
  await page.getByRole("region", { name: "置顶消息" }).filter({ hasText: "Eva <b>read</b> me" }).waitFor();
  assert.ok(await page.locator("#unpin").isHidden(), "only moderators unpin");
  await fits(page, "pinned");
  say({ t: "recalled", seq: 1, by: "", user_id: "Eve", id: "c-1", ts: pinned.ts });
  await gone(page, "pinned");
  say({ t: "room", modes: { ...modes, pinned: { ...pinned, id: "c-2", body: "another" } } });
  await page.locator("#pinned", { hasText: "another" }).waitFor();
  say({ t: "room", modes });
  await gone(page, "pinned");
  await page.context().close();
});

test("an announcement stands above the list until it is closed, and in the list, looking like nobody's message", async () => {
  const { page, batch, say } = await enter({}, desktop, undefined, viewer);
  batch({ kind: "system", user_id: "", body: "The show begins.", id: "~a" });
  await page.getByRole("region", { name: "Announcement" }).filter({ hasText: "The show begins." }).waitFor();
  await page.locator("#rows .note.said", { hasText: "The show begins." }).waitFor();
  assert.equal(await page.locator("#rows .who").count(), 0);
  await page.locator("#heard", { hasText: "The room: The show begins." }).waitFor({ state: "attached" });
  await shoot(page, "order-announcement");
  await page.focus("#saidClose");
  await page.keyboard.press("Enter");
  await gone(page, "said");
  assert.equal(await focused(page), "log");
  batch({ kind: "system", user_id: "", body: "A mistake.", id: "~b" });
  await page.locator("#said", { hasText: "A mistake." }).waitFor();
  say({ t: "recalled", seq: 2, by: "", user_id: "", id: "~b", ts: 0 });
  await gone(page, "said");
  await page.context().close();
});

test("a storm is told while it lasts, and what it leaves out is no hole", async () => {
  for (const [device, text] of [[desktop, "A storm: showing 12 of 150 messages"], [chinese, "消息风暴：150 条中显示 12 条"]] as const) {
    const { page, say, batch, close } = await enter({}, device, undefined, viewer);
    const storm = page.locator("#storm", { hasText: text });
    say({ t: "storm", shown: 12, offered: 150, level: 200, ms: 1000 });
    await storm.waitFor();
    batch({ body: "one" });
    say({ t: "gap", from: 2, to: 9, reason: "shed" });
    say({ t: "batch", epoch: "e", seq: 10, messages: [{ seq: 10, kind: "chat", user_id: "Eve", body: "ten", ts: Date.now(), id: "~10" }] });
    await row(page, "ten").waitFor();
    assert.equal(await page.locator("#rows .note").count(), 0);
    say({ t: "storm", shown: 9, offered: 9, level: 0, ms: 1000 });
    await gone(page, "storm");
    say({ t: "storm", shown: 12, offered: 150, level: 200, ms: 1000 });
    await storm.waitFor();
    close(1012);
    await gone(page, "storm"); // Nobody would be notified of its end.
    await page.context().close();
  }
});

test("a purge takes a user's messages off the list and out of the air, and what that user says later comes", async () => {
  const { page, batch, say } = await enter({}, { ...desktop, ...moving }, undefined, viewer);
  batch({ user_id: "bob", body: "old", ts: 1000 }, { user_id: "bob", body: "bad" });
  await row(page, "bad").waitFor();
  await clear(page, false);
  say({ t: "recalled", seq: 2, by: "", user_id: "bob", id: "~2", ts: 0 });
  await page.locator("#rows .note", { hasText: "A moderator removed a message of bob" }).waitFor();
  say({ t: "purged", user_id: "bob", since: 2000 });
  await page.locator("#rows .note").waitFor({ state: "detached" });
  assert.deepEqual(await page.locator("#rows .body").allTextContents(), ["old"], "it is older than what was purged");
  say({ t: "purged", user_id: "bob", since: 0 });
  await row(page, "old").waitFor({ state: "detached" });
  await clear(page, true);
  batch({ user_id: "bob", body: "sorry" });
  await row(page, "sorry").waitFor();
  await page.context().close();
});

test("a clear takes everything up to its number off the list and out of the air, and says so", async () => {
  const { page, batch, say } = await enter({}, { ...desktop, ...moving }, undefined, viewer);
  batch({ body: "one" }, { body: "two" }, { body: "three" });
  await row(page, "three").waitFor();
  await clear(page, false);
  say({ t: "cleared", epoch: "e", seq: 2 });
  await page.locator("#rows .note", { hasText: "A moderator cleared the room" }).waitFor();
  assert.deepEqual(await page.locator("#rows .body").allTextContents(), ["three"]);
  say({ t: "cleared", epoch: "e", seq: 3 });
  await row(page, "three").waitFor({ state: "detached" });
  await clear(page, true);
  await page.context().close();
});

test("a clear in another epoch takes what was said in those before", async () => {
  const { page, batch, say } = await enter({}, desktop, undefined, viewer);
  batch({ body: "of before" });
  say({ t: "epoch", epoch: "e2", seq: 5, ts: 0 });
  const later = (seq: number) => ({ t: "batch", epoch: "e2", seq, messages: [{ seq, kind: "chat", user_id: "Eve", body: `of e2 ${seq}`, ts: Date.now(), id: `~x${seq}` }] });
  say(later(6));
  say(later(7));
  await row(page, "of e2 7").waitFor();
  say({ t: "cleared", epoch: "e2", seq: 6 });
  await row(page, "of before").waitFor({ state: "detached" });
  assert.deepEqual(await page.locator("#rows .body").allTextContents(), ["of e2 7"]);
  say({ t: "epoch", epoch: "l-1", seq: 0, ts: 0 });
  say({ t: "batch", epoch: "l-1", seq: 1, messages: [{ seq: 1, kind: "chat", user_id: "Eve", body: "heard first", ts: Date.now(), id: "~l1" }] });
  await row(page, "heard first").waitFor();
  say({ t: "epoch", epoch: "e2", seq: 8, ts: 0 }); // where the store has it
  say({ t: "cleared", epoch: "e2", seq: 8 });
  await row(page, "heard first").waitFor({ state: "detached" });
  await page.context().close();
});

test("a role stands beside the name where the message says one that the page knows", async () => {
  const { page, batch } = await enter({}, chinese, undefined, viewer);
  batch({ user: { role: "moderator" }, body: "one" }, { user: { role: "king" }, body: "two" }, { body: "three" });
  await row(page, "three").waitFor();
  assert.deepEqual(await page.locator("#rows .message:has(.badge)").allTextContents().then((rows) => rows.length), 1);
  assert.equal(await row(page, "one").locator(".badge").textContent(), "管理员");
  await page.context().close();
});

test("who is no moderator has no bar and no menus, and loses them with the role", async () => {
  const { page, batch, say } = await enter({}, desktop, undefined, viewer);
  batch({ body: "one" });
  await row(page, "one").waitFor();
  assert.deepEqual([await page.locator("#desk").isHidden(), await page.locator(".menu").count()], [true, 0]);
  say({ t: "you", ...you, role: "moderator", can: [...all, "moderate"] });
  await page.locator("#desk").waitFor();
  await page.click(".menu");
  await page.locator("#acts[open]").waitFor();
  say({ t: "you", ...you, can: all });
  await page.locator("#acts").waitFor({ state: "hidden" });
  await page.locator(".menu").waitFor({ state: "detached" }); // With the next frame.
  assert.ok(await page.locator("#desk").isHidden());
  await page.context().close();
});

for (const [device, names, label, did, not] of [
  [desktop, ["Remove", "Pin", "Mute for 10 min", "Mute for good", "Send out for 1 min", "Ban for good", "Remove all of theirs"], "Moderate “spam spam” of bob", "Done: Remove all of theirs, 17 messages", "Not done: Ban for good, you may not do that"],
  [chinese, ["删除", "置顶", "禁言 10 分钟", "永久禁言", "移出 1 分钟", "永久封禁", "删除其全部消息"], "管理 bob 的消息“spam spam”", "已完成：删除其全部消息，共 17 条", "未完成：永久封禁，你无权这样做"],
] as const) {
  test(`a moderator acts on a message by keyboard alone, and is told how that went: ${did}`, async () => {
    const server = new Desk(), { page, batch } = await enter({}, device, server.answer, moderator);
    batch({ user_id: "bob", body: "spam spam", ts: 5 });
    const menu = page.getByRole("button", { name: label });
    await menu.focus();
    await page.keyboard.press("Enter");
    await page.locator("#acts[open]").waitFor();
    assert.deepEqual(await page.locator("#actsList button").allTextContents(), names);
    await fits(page, "acts");
    await shoot(page, `order-acts-${device.viewport.width}`);
    await page.keyboard.press("Escape");
    await page.locator("#acts").waitFor({ state: "hidden" });
    assert.equal(await focused(page), "menu", "the menu gives the focus back");
    server.n = 17;
    for (const [i, name] of names.entries()) {
      if (i === 2) server.n = 0;
      if (i === 6) server.n = 17;
      await menu.click();
      await page.fill("#acts input", i === 3 ? " spam " : "");
      await page.press("#acts input", "Enter"); // Chooses nothing.
      await page.getByRole("button", { name, exact: true }).press("Enter");
      await told(page, name);
    }
    await told(page, did);
    assert.deepEqual(server.ops.map(({ t: _, ...op }) => op), [
      { verb: "delete", seq: 1, epoch: "e", user_id: "bob", ts: 5 }, { verb: "pin", seq: 1, epoch: "e" },
      { verb: "mute", user_id: "bob", for_ms: 600_000 }, { verb: "mute", user_id: "bob", reason: "spam" }, { verb: "kick", user_id: "bob" }, { verb: "ban", user_id: "bob" }, { verb: "purge", user_id: "bob" },
    ]);
    server.code = "forbidden";
    await menu.click();
    await page.getByRole("button", { name: names[5], exact: true }).click();
    await told(page, not);
    await page.context().close();
  });
}

test("a moderator's bar freezes, slows down, unpins and announces, and shows what holds", async () => {
  const server = new Desk(), pinned = { seq: 1, kind: "chat", user_id: "Eve", body: "read me", ts: 5, id: "c-1" };
  const { page, say } = await enter({}, desktop, server.answer, { ...moderator, modes: { ...modes, slow_ms: 7000, pinned } });
  assert.equal(await page.inputValue("#slow"), "7", "a rule that the bar does not offer is shown too");
  await page.getByRole("group", { name: "Moderation" }).getByRole("button", { name: "Freeze", pressed: false }).press("Enter");
  await told(page, "Done: Freeze");
  say({ t: "room", modes: { ...modes, frozen: true } });
  await page.locator("#freeze[aria-pressed=true]").waitFor();
  assert.ok(await page.locator("#composer").isVisible(), "a moderator still writes");
  await page.press("#freeze", "Enter");
  await told(page, "Done: Unfreeze");
  await page.selectOption("#slow", "30");
  await told(page, "Done: Slow mode");
  assert.equal(await page.inputValue("#slow"), "0", "the room has not said so yet");
  say({ t: "room", modes: { ...modes, slow_ms: 30_000, pinned } });
  await page.waitForFunction(() => (document.getElementById("slow") as HTMLSelectElement).value === "30");
  await page.press("#unpin", "Enter");
  await told(page, "Done: Unpin");
  await page.press("#announce", "Enter");
  await page.keyboard.type("Hello all");
  await page.keyboard.press("Enter");
  await told(page, "Done: Announce");
  await page.press("#announce", "Enter");
  await page.keyboard.press("Enter"); // Nothing is announced.
  await page.locator("#ask").waitFor({ state: "hidden" });
  assert.deepEqual(server.ops.map(({ t: _, ...op }) => op), [
    { verb: "modes", modes: { frozen: true } }, { verb: "modes", modes: { frozen: false } }, { verb: "modes", modes: { slow_ms: 30_000 } }, { verb: "unpin" }, { verb: "announce", body: "Hello all" },
  ]);
  await page.context().close();
});

test("a room is cleared by a confirmation alone, and a lost connection leaves it open whether it was", async () => {
  const server = new Desk(), { page, close } = await enter({}, desktop, (op, line) => { if (server.code !== "none") server.answer(op, line); }, moderator);
  await page.press("#clear", "Enter");
  await page.locator("#ask[open]", { hasText: "Take all messages away, for all?" }).waitFor();
  assert.ok(await page.locator("#ask input").isHidden());
  await page.keyboard.press("Enter");
  await page.locator("#ask").waitFor({ state: "hidden" });
  assert.deepEqual(server.ops, [], "Enter at once is no confirmation");
  await page.press("#clear", "Enter");
  await page.click("#askYes");
  await told(page, "Done: Clear");
  assert.deepEqual(server.ops, [{ t: "mod", verb: "clear" }]);
  server.code = "none";
  await page.press("#clear", "Enter");
  await page.click("#askYes");
  close(1012);
  await told(page, "Not done: Clear, the connection was lost, it may have been done");
  await page.context().close();
});

for (const [name, device] of [["desktop", desktop], ["phone", phone]] as const) {
  test(`${name}: banners, the moderator's bar and menus are on the screen, and the list keeps its place`, async () => {
    const pinned = { seq: 1, kind: "chat", user_id: "Eve", body: "read me ".repeat(60), ts: 5, id: "c-1" };
    const { page, batch, say } = await enter({}, device, undefined, { ...moderator, modes: { ...modes, pinned, slow_ms: 5000 } });
    batch(...Array.from({ length: 30 }, (_, i) => ({ body: `message ${i} `.repeat(5), user: { role: "owner" } })), { kind: "system", user_id: "", body: "Announced ".repeat(40) });
    say({ t: "storm", shown: 12, offered: 150, level: 200, ms: 1000 });
    await page.locator("#storm").waitFor();
    await fits(page, "pinned", "said", "desk", "freeze", "slow", "announce", "clear", "storm", "log", "composer", "pause", "send", "like");
    assert.ok((await page.locator("#log").boundingBox())!.height > 90, "the list has no place");
    for (const scheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme: scheme });
      await shoot(page, `order-${name}-${scheme}`);
    }
    await page.context().close();
  });
}
