// Two people in a room, on two real nodes with a Redis between them.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { startRedis } from "../../client/test/program.js";
import { desktop, focused, launch, Pages, phone, shoot } from "./browser.js";
import { Node } from "./node.js";

let browser: Browser, pages: Pages, first: Node, second: Node, redis: Awaited<ReturnType<typeof startRedis>>;
const ends: (() => Promise<unknown>)[] = []; // Of the things that were started, also where the rest could not be.
before(async () => {
  browser = await launch();
  ends.push(() => browser.close());
  pages = new Pages(browser);
  redis = await startRedis();
  ends.push(() => redis.program.end("SIGKILL"));
  first = await Node.start(redis.port);
  ends.push(() => first.kill());
  second = await Node.start(redis.port);
  ends.push(() => second.kill());
});
after(async () => {
  for (const end of ends) await end();
  assert.deepEqual(pages.errors, []);
});

/** join opens the door like a person does. */
async function join(node: Node, room: string, name: string, device: BrowserContextOptions = desktop): Promise<Page> {
  const page = await pages.open(`${node.url}?room=${room}`, device);
  await page.fill("[name=name]", name);
  await page.press("[name=name]", "Enter");
  await live(page);
  return page;
}

const live = (page: Page) => page.locator("#state[data-state=open]").waitFor();

async function say(page: Page, body: string): Promise<void> {
  await page.fill("#say", body);
  await page.press("#say", "Enter");
}

const saw = (page: Page, body: string) => page.locator("#rows .message", { hasText: body }).waitFor();
const bodies = (page: Page) => page.locator("#rows .message .body").allTextContents();
const note = (page: Page, text: string) => page.locator("#rows .note", { hasText: text }).waitFor();
const likes = (page: Page, label: string) => page.locator(`#like[aria-label="${label}"]`).waitFor();

test("two pages chat, like and recall: one on a desktop in English, one on a phone in Chinese", async () => {
  const mia = await join(first, "cats", "Mia"), jun = await join(second, "cats", "俊", { ...phone, locale: "zh-CN" });
  await say(mia, "hello 俊 <b>&amp;</b>");
  await saw(jun, "hello 俊 <b>&amp;</b>");
  await say(jun, "你好 Mia");
  await saw(mia, "你好 Mia");
  await mia.locator("#online", { hasText: "2 online" }).waitFor();
  await jun.locator("#online", { hasText: "2 人在线" }).waitFor();

  await jun.click("#like", { clickCount: 12 });
  await likes(mia, "Like, 12 so far");
  await mia.click("#like"); // With this one the server sends Jun its count: his page's own count is the same.
  await likes(mia, "Like, 13 so far");
  await likes(jun, "点赞，已有 13 个");

  for (const page of [mia, jun]) assert.equal(await page.locator(".recall").count(), 1, "only one's own can be recalled");
  await shoot(mia, "gateway-desktop");
  await shoot(jun, "gateway-phone");
  await jun.locator("#rows .mine .body").tap(); // A tap shows what can be done.
  await jun.tap(".recall");
  await note(mia, "俊 recalled a message");
  await note(jun, "你撤回了一条消息");
  assert.deepEqual(await bodies(mia), ["hello 俊 <b>&amp;</b>"]);
  await mia.focus(".recall");
  await mia.keyboard.press("Enter");
  await note(mia, "You recalled a message");
  await note(jun, "Mia 撤回了一条消息");
  assert.equal(await focused(mia), "log", "the focus went with the button");
  for (const page of [mia, jun]) assert.deepEqual(await bodies(page), []);
  await Promise.all([mia, jun].map((page) => page.context().close()));
});

for (const how of ["stop", "kill"] as const) {
  test(`a node goes away (${how}) and comes back: nobody misses a message, nor sees one twice`, async () => {
    const room = `restart-${how}`, ann = await join(first, room, "Ann"), bob = await join(second, room, "Bob");
    await say(ann, "before");
    await saw(bob, "before");
    await second[how]();
    await bob.locator("#state:not([data-state=open])").waitFor();
    if (how === "kill") await shoot(bob, "gateway-waiting");
    for (let i = 1; i <= 20; i++) await say(ann, `missed ${i}`);
    await saw(ann, "missed 20");
    await say(bob, "said while away");
    await bob.waitForFunction(() => { // The button comes and goes with each try.
      const now = document.getElementById("now")!;
      now.focus();
      return document.activeElement === now;
    });
    await second.start();
    await bob.waitForFunction(() => {
      document.getElementById("now")!.click();
      return document.getElementById("state")!.dataset["state"] === "open";
    });
    assert.equal(await focused(bob), "log", "the focus went with the button");
    for (const page of [ann, bob]) await saw(page, "said while away");
    await say(ann, "after");
    for (const page of [ann, bob]) await saw(page, "after");
    const want = ["before", ...Array.from({ length: 20 }, (_, i) => `missed ${i + 1}`), "said while away", "after"];
    assert.deepEqual(await bodies(bob), want);
    assert.deepEqual(await bodies(ann), want);
    assert.deepEqual(await bob.locator("#rows .note").allTextContents(), []); // No gap, nor another epoch.
    await Promise.all([ann, bob].map((page) => page.context().close()));
  });
}

test("the store goes away and comes back: the page says so, keeps what was said, and shows nothing twice", async () => {
  const ann = await join(first, "alone", "Ann"), bob = await join(second, "alone", "Bob");
  await say(ann, "before");
  await saw(bob, "before");
  redis.program.kill("SIGSTOP");
  await say(ann, "meanwhile");
  await note(ann, "Part of the room is out of reach");
  await saw(ann, "meanwhile");
  assert.deepEqual(await bodies(ann), ["before", "meanwhile"]);
  redis.program.kill("SIGCONT");
  await note(ann, "The whole room is here again");
  await saw(bob, "meanwhile");
  await say(bob, "after");
  for (const page of [ann, bob]) await saw(page, "after");
  for (const page of [ann, bob]) assert.deepEqual(await bodies(page), ["before", "meanwhile", "after"]);
  await ann.locator("#rows .mine", { hasText: "before" }).getByRole("button").click(); // It is of this count again.
  await note(bob, "Ann recalled a message");
  await Promise.all([ann, bob].map((page) => page.context().close()));
});

test("offline is believed at once, what is said then waits in sight, and comes when the network is back, once", async () => {
  const ann = await join(first, "offline", "Ann"), bob = await join(second, "offline", "Bob");
  await say(ann, "before");
  await saw(bob, "before");
  await ann.context().setOffline(true);
  // Silence would show it after 25 s.
  await ann.locator("#state[data-state=waiting]", { hasText: "you are offline" }).waitFor({ timeout: 10_000 });
  for (const body of ["one", "two"]) {
    await say(ann, body);
    await ann.locator("#rows .message.sending", { hasText: body }).waitFor();
  }
  await shoot(ann, "gateway-offline");
  await ann.context().setOffline(false);
  await live(ann);
  for (const body of ["one", "two"]) await saw(bob, body);
  await ann.locator("#rows .message.sending").first().waitFor({ state: "detached" });
  for (const page of [ann, bob]) assert.deepEqual(await bodies(page), ["before", "one", "two"]);
  await Promise.all([ann, bob].map((page) => page.context().close()));
});

test("a full node: who comes too many hears that the server is full, not the room, and gets in when it is not", async () => {
  const small = await Node.start(undefined, { BARRAGE_SERVER_MAX_CONNECTIONS: "1" });
  ends.push(() => small.kill());
  const ann = await join(small, "full", "Ann"), jun = await pages.open(`${small.url}?room=full&name=俊`, { ...phone, locale: "zh-CN" });
  await jun.locator("#state[data-state=waiting]", { hasText: /^服务器已满$/ }).waitFor();
  await jun.locator("#link", { hasText: /^服务器已满 · \d+ 秒后重连/ }).waitFor();
  for (const id of ["state", "now"]) assert.ok(await jun.locator(`#${id}`).evaluate((e) => e.scrollWidth <= e.clientWidth + 1 && e.clientHeight < 30), `${id} does not fit`);
  await shoot(jun, "gateway-full");
  await ann.context().close();
  await live(jun);
  await jun.context().close();
});
