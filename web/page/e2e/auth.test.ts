// A guest, a user, one whose login has ended and one who was logged out by another device, on real nodes.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, before, test } from "node:test";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { desktop, launch, Pages, phone } from "./browser.js";
import { Node } from "./node.js";

const secret = "a secret of the tests, of 32 bytes and more";

let browser: Browser, pages: Pages, node: Node;
const ends: (() => Promise<unknown>)[] = []; // Of the things that were started, also where the rest could not be.
before(async () => {
  browser = await launch();
  ends.push(() => browser.close());
  pages = new Pages(browser);
  node = await Node.start(undefined, { BARRAGE_AUTH_MODE: "jwt,redis", BARRAGE_AUTH_JWT_SECRET: secret });
  ends.push(() => node.kill());
});
after(async () => {
  for (const end of ends) await end();
  assert.deepEqual(pages.errors, []);
});

/** sign makes a token that lives for so many seconds. */
function sign(claims: object, seconds: number): string {
  const part = (json: object) => Buffer.from(JSON.stringify(json)).toString("base64url"), now = Math.floor(Date.now() / 1000);
  const head = `${part({ alg: "HS256", typ: "JWT" })}.${part({ exp: now + seconds, ...claims })}`;
  return `${head}.${createHmac("sha256", secret).update(head).digest("base64url")}`;
}

const live = (page: Page) => page.locator("#state[data-state=open]").waitFor();
const gate = (page: Page, text: string) => page.locator("#gateWhy", { hasText: text }).waitFor();
const saw = (page: Page, body: string) => page.locator("#rows .message", { hasText: body }).waitFor();

/** join logs in at the door, in a browser of its own. */
async function join(room: string, name: string, device: BrowserContextOptions = desktop): Promise<Page> {
  const page = await pages.open(`${node.url}?room=${room}`, device);
  await page.fill("[name=name]", name);
  await page.press("[name=name]", "Enter");
  await live(page);
  return page;
}

async function say(page: Page, body: string): Promise<void> {
  await page.fill("#say", body);
  await page.press("#say", "Enter");
}

test("a guest watches what users say, and writes once logged in", async () => {
  const mia = await join("cats", "Mia"), guest = await pages.open(`${node.url}?room=cats`, { ...phone, locale: "zh-CN" });
  await guest.click("#watch");
  await live(guest);
  await gate(guest, "你正以游客身份观看，登录后可以发言。");
  assert.ok(await guest.locator("#like").isDisabled());
  await say(mia, "hello");
  await saw(guest, "hello");
  await guest.click("#gateOffer");
  await guest.fill("[name=name]", "俊");
  await guest.press("[name=name]", "Enter");
  await guest.locator("#composer").waitFor();
  await say(guest, "你好");
  await saw(mia, "你好");
  await Promise.all([mia, guest].map((page) => page.context().close()));
});

test("a room and a name may have 128 bytes each, as the server has it, and no more", async () => {
  const name = "猫".repeat(42), mia = await join("r".repeat(128), name);
  assert.equal(await mia.textContent("#me"), name);
  await mia.context().close();
  const page = await pages.open(`${node.url}?room=${"r".repeat(129)}`);
  await page.click("#watch");
  await page.locator("#why", { hasText: "Room and name take at most 128 bytes, and not only dots." }).waitFor();
  await page.context().close();
});

test("where guests are off the door says so", async () => {
  const closed = await Node.start(undefined, { BARRAGE_AUTH_MODE: "redis", BARRAGE_AUTH_GUESTS: "off" });
  ends.push(() => closed.kill());
  const page = await pages.open(`${closed.url}?room=cats`);
  await page.click("#watch");
  await page.locator("#why", { hasText: "Only those who log in may watch here." }).waitFor();
  await page.context().close();
});

test("a token in the address logs in, and its user has the name that it says", async () => {
  const mia = await join("named", "Mia"), ann = await pages.open(`${node.url}?room=named#token=${sign({ sub: "u-7", info: { name: "Ann <b>安</b>" } }, 600)}`);
  await live(ann);
  assert.equal(new URL(ann.url()).hash, "");
  assert.equal(await ann.textContent("#me"), "u-7");
  await say(ann, "with a name");
  await saw(mia, "with a name");
  assert.equal(await mia.locator("#rows .who").textContent(), "Ann <b>安</b>");
  await ann.locator("#rows .mine", { hasText: "with a name" }).waitFor();
  await Promise.all([mia, ann].map((page) => page.context().close()));
});

test("a token whose life is over is said; the door lets in by a name", async () => {
  const page = await pages.open(`${node.url}?room=ended#token=${sign({ sub: "u-7" }, -3600)}`);
  await gate(page, "Your login has ended.");
  await page.click("#gateOffer");
  await page.fill("[name=name]", "Mia");
  await page.press("[name=name]", "Enter");
  await live(page);
  await page.locator("#composer").waitFor();
  await page.context().close();
});

test("two devices of one user: the older one stops, and comes back by a click, which stops the other", async () => {
  const first = await join("two", "Ann"), second = await join("two", "Ann", phone);
  const why = "You logged in somewhere else. This page has stopped.";
  await gate(first, why);
  await live(second);
  await say(second, "from the second");
  await saw(second, "from the second");
  assert.ok(await first.locator("#gate").isVisible(), "the first has logged in by itself");
  await first.click("#gateOffer");
  await live(first);
  await gate(second, why);
  await first.locator("#composer").waitFor();
  await Promise.all([first, second].map((page) => page.context().close()));
});

test("two tabs of one browser: both stay, by the newest login", async () => {
  const first = await join("tabs", "Tim"), second = await first.context().newPage();
  await second.goto(`${node.url}?room=tabs`);
  await live(second);
  // It logs in anew, which ends the login of the first.
  await second.evaluate(() => localStorage.removeItem("barrage.token.Tim"));
  await second.reload();
  await live(second);
  await say(second, "from the newest login");
  await saw(second, "from the newest login");
  await saw(first, "from the newest login");
  await live(first);
  await first.context().close();
});
