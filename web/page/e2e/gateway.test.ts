// Two people in a room, on two real nodes with a Redis between them.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { desktop, launch, Pages, phone, shoot } from "./browser.js";
import { Node, Redis } from "./node.js";

let browser: Browser, pages: Pages, first: Node, second: Node;
const ends: (() => Promise<unknown>)[] = []; // Of what was started, also where the rest could not be.
before(async () => {
  browser = await launch();
  ends.push(() => browser.close());
  pages = new Pages(browser);
  const redis = await Redis.start();
  ends.push(() => redis.stop());
  first = await Node.start(redis.address);
  ends.push(() => first.kill());
  second = await Node.start(redis.address);
  ends.push(() => second.kill());
});
after(async () => {
  for (const end of ends) await end();
  assert.deepEqual(pages.errors, []);
});

/** join opens the door like a person does. */
async function join(node: Node, room: string, name: string, device = desktop): Promise<Page> {
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
const likes = (page: Page) => page.evaluate(() => Number(/\d[\d,]*/.exec(document.getElementById("like")!.ariaLabel!)![0].replaceAll(",", "")));

test("two pages chat, like and recall, one of them on a phone", async () => {
  const mia = await join(first, "cats", "Mia"), jun = await join(second, "cats", "俊", phone);
  await say(mia, "hello 俊 <b>&amp;</b>");
  await saw(jun, "hello 俊 <b>&amp;</b>");
  await say(jun, "你好 Mia");
  await saw(mia, "你好 Mia");
  await mia.locator("#online", { hasText: "2 online" }).waitFor();
  await jun.locator("#online", { hasText: "2 online" }).waitFor();

  for (let i = 0; i < 12; i++) await jun.click("#like");
  await mia.waitForFunction(() => /Like, 12 so far/.test(document.getElementById("like")!.ariaLabel!));
  await jun.waitForTimeout(3000);
  assert.equal(await likes(jun), 12);

  assert.equal(await jun.locator(".recall").count(), 1, "only one's own can be recalled");
  await shoot(mia, "gateway-desktop");
  await shoot(jun, "gateway-phone");
  await jun.click(".recall");
  await mia.locator("#rows .note", { hasText: "俊 recalled a message" }).waitFor();
  await jun.locator("#rows .note", { hasText: "You recalled a message" }).waitFor();
  assert.deepEqual(await bodies(mia), ["hello 俊 <b>&amp;</b>"]);
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
    await second.start();
    const now = bob.locator("#now");
    await now.or(bob.locator("#state[data-state=open]")).first().waitFor();
    if (await now.isVisible()) await now.click({ timeout: 1000 }).catch(() => {}); // It may have come back by itself.
    await live(bob);
    for (const page of [ann, bob]) await saw(page, "said while away");
    await say(ann, "after");
    await saw(bob, "after");
    const want = ["before", ...Array.from({ length: 20 }, (_, i) => `missed ${i + 1}`), "said while away", "after"];
    assert.deepEqual(await bodies(bob), want);
    assert.deepEqual(await bodies(ann), want);
    assert.deepEqual(await bob.locator("#rows .note").allTextContents(), []); // No gap, nor another epoch.
    await Promise.all([ann, bob].map((page) => page.context().close()));
  });
}
