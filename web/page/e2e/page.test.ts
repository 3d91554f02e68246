// The page by itself, in a simulated room: layout, keyboard, storm.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { desktop, launch, Pages, phone, serve, shoot } from "./browser.js";

let browser: Browser, site: { url: string; stop: () => void }, pages: Pages;
before(async () => {
  [browser, site] = await Promise.all([launch(), serve()]);
  pages = new Pages(browser);
});
after(async () => {
  await browser.close();
  site.stop();
  assert.deepEqual(pages.errors, []);
});

const demo = (rate: number) => `${site.url}?demo=1&rate=${rate}`;
const focused = (page: Page) => page.evaluate(() => document.activeElement?.id || document.activeElement?.className || document.activeElement?.tagName);
const scroll = (page: Page) => page.evaluate(() => {
  const log = document.getElementById("log")!;
  return { top: log.scrollTop, below: log.scrollHeight - log.scrollTop - log.clientHeight };
});

for (const [name, device] of [["desktop", desktop], ["phone", phone]] as const) {
  test(`${name}: everything is on the screen, nothing sticks out, in light and in dark`, async () => {
    const page = await pages.open(demo(5), device), { width, height } = device.viewport;
    await page.waitForFunction(() => document.querySelectorAll("#rows .message").length > 5);
    for (const scheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme: scheme });
      for (const id of ["title", "state", "change", "fly", "theme", "video", "sky", "online", "likes", "log", "say", "send", "like"]) {
        const box = await page.locator(`#${id}`).boundingBox();
        assert.ok(box && box.width > 0 && box.height > 0 && box.x >= 0 && box.y >= 0 && box.x + box.width <= width + 0.5 && box.y + box.height <= height + 0.5, `${id}: ${JSON.stringify(box)}`);
      }
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth && [...document.querySelectorAll("#rows li")].every((e) => e.scrollWidth <= e.clientWidth)));
      assert.ok((await scroll(page)).below <= 4, "the list does not show its newest row");
      assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), scheme === "dark" ? "rgb(15, 15, 23)" : "rgb(243, 243, 249)");
      await shoot(page, `${name}-${scheme}`);
    }
    await page.context().close();
  });
}

test("a storm of 1,000 a second: it says what it leaves out, its elements stay few, and it still answers", async () => {
  for (const [name, device] of [["desktop", desktop], ["phone", phone]] as const) {
    const page = await pages.open(demo(1000), device);
    await page.waitForFunction(() => /showing 1 of \d+/.test(document.getElementById("sample")!.textContent!) && /the list shows 1 of \d+/.test(document.getElementById("listSample")!.textContent!));
    await page.fill("#say", "am I heard?");
    await page.press("#say", "Enter");
    await page.locator("#rows .mine", { hasText: "am I heard?" }).waitFor();
    await page.waitForTimeout(1500); // Time for the storm to fill what it can.
    assert.ok(await page.evaluate(() => document.querySelectorAll("*").length) < 500);
    assert.ok(await page.evaluate(() => document.querySelectorAll("#rows li").length) < 100);
    assert.ok((await scroll(page)).below <= 4);
    await shoot(page, `${name}-storm`);
    await page.context().close();
  }
});

test("who reads further up is not moved, hears how much is new, and comes back", async () => {
  const page = await pages.open(demo(20));
  await page.waitForFunction(() => document.querySelectorAll("#rows .message").length > 20);
  await page.hover("#log");
  await page.mouse.wheel(0, -400);
  await page.locator("#pill").waitFor();
  const read = () => page.evaluate(() => {
    const log = document.getElementById("log")!.getBoundingClientRect();
    const row = [...document.querySelectorAll("#rows li")].find((e) => e.getBoundingClientRect().top >= log.top)!;
    return `${Math.round(row.getBoundingClientRect().top)} ${row.textContent}`;
  });
  const [before, unread] = [await read(), await page.textContent("#pill")];
  assert.match(unread!, /^[\d,]+ new messages?$/);
  await page.waitForFunction((unread) => document.getElementById("pill")!.textContent !== unread, unread);
  assert.equal(await read(), before);
  await page.click("#pill");
  await page.locator("#pill").waitFor({ state: "hidden" });
  assert.ok((await scroll(page)).below <= 4);
  await page.context().close();
});

test("older messages come in above without moving what is read", async () => {
  const page = await pages.open(demo(1));
  await page.waitForFunction(() => document.querySelectorAll("#rows .message").length > 12);
  await page.hover("#log");
  await page.mouse.wheel(0, -3000);
  await page.waitForFunction(() => document.getElementById("log")!.scrollTop > 1000); // What was at the top is far down now.
  const read = () => page.evaluate(() => document.elementFromPoint(innerWidth - 200, innerHeight / 2)!.closest("li")?.textContent);
  const before = await read();
  await page.waitForTimeout(1200);
  assert.equal(await read(), before);
  for (let i = 0; i < 5; i++) {
    await page.mouse.wheel(0, -9000);
    await page.waitForTimeout(200);
  }
  assert.equal(await page.evaluate(() => document.getElementById("log")!.scrollTop), 0); // At the beginning, and there for good.
  await page.context().close();
});

test("by keyboard alone: everything can be reached and used, and the focus is never lost", async () => {
  const page = await pages.open(demo(1));
  assert.equal(await focused(page), "say");
  await page.keyboard.type("typed");
  await page.keyboard.press("Enter");
  await page.locator("#rows .mine").waitFor();
  const seen: unknown[] = [];
  for (let i = 0; i < 14; i++) {
    await page.keyboard.press("Tab");
    seen.push(await focused(page));
    if (seen.includes("change") && seen.at(-1) === "recall") break;
  }
  for (const want of ["send", "like", "change", "fly", "theme", "tool language", "rate", "log", "recall"]) assert.ok(seen.includes(want), `${want} cannot be reached: ${seen.join(", ")}`);
  assert.equal(await page.locator(":focus").getAttribute("aria-label"), "Recall your message “typed”");
  await page.keyboard.press("Enter");
  await page.locator("#rows .note", { hasText: "You recalled a message" }).waitFor();
  assert.equal(await focused(page), "log");
  const likes = await page.getAttribute("#like", "aria-label");
  await page.focus("#like");
  for (let i = 0; i < 3; i++) await page.keyboard.press("Space");
  assert.notEqual(await page.getAttribute("#like", "aria-label"), likes);
  assert.equal(await page.textContent("#combo"), "+3");
  await page.focus("#theme");
  await page.keyboard.press("Enter");
  assert.equal(await page.getAttribute("#theme", "aria-pressed"), "true");
  assert.equal(await page.getAttribute("html", "data-theme"), "dark");
  await page.context().close();
});

test("every control has a name, in the language of the browser and in the other", async () => {
  const page = await pages.open(demo(1), { ...desktop, locale: "zh-CN" });
  assert.equal(await page.getAttribute("html", "lang"), "zh-CN");
  await page.locator("#state", { hasText: "直播中" }).waitFor();
  const names = () => page.evaluate(() => [...document.querySelectorAll<HTMLElement>("main button, header button, #log")].filter((e) => !e.hidden).map((e) => e.ariaLabel || e.textContent?.trim()));
  const chinese = await names();
  assert.ok(chinese.every(Boolean), chinese.join(", "));
  await page.click("header .language");
  const english = await names();
  assert.ok(english.every(Boolean) && english.every((name, i) => name !== chinese[i] || name === "you" || name === "你"), english.join(", "));
  await page.reload();
  await page.locator("#state", { hasText: "Live" }).waitFor();
  await page.context().close();
});

test("who wants no motion gets none: no comment flies, the picture stands still", async () => {
  const page = await pages.open(demo(100), { ...desktop, reducedMotion: "reduce" });
  await page.waitForFunction(() => document.querySelectorAll("#rows .message").length > 12);
  const look = () => page.evaluate(() => ["video", "sky"].map((id) => (document.getElementById(id) as HTMLCanvasElement).toDataURL()));
  const first = await look();
  await page.click("#like");
  await page.waitForTimeout(400);
  assert.deepEqual(await look(), first);
  assert.equal(await page.locator("#hearts span").count(), 0);
  assert.ok(await page.evaluate(() => {
    const { width, height } = document.getElementById("sky") as HTMLCanvasElement;
    return (document.getElementById("sky") as HTMLCanvasElement).getContext("2d")!.getImageData(0, 0, width, height).data.every((x) => x === 0);
  }));
  await page.context().close();
});

test("a screen reader hears one sentence in a while, however much comes", async () => {
  const page = await pages.open(demo(100));
  await page.waitForFunction(() => document.querySelectorAll("#rows .message").length > 12);
  const said = await page.evaluate(() => new Promise<string[]>((done) => {
    const all: string[] = [], heard = document.getElementById("heard")!;
    new MutationObserver(() => all.push(heard.textContent!)).observe(heard, { childList: true });
    setTimeout(() => done(all), 4500);
  }));
  assert.ok(said.length >= 1 && said.length <= 2, said.join(" | "));
  assert.match(said[0]!, /^[\d,]+ new messages\. /);
  await page.context().close();
});

test("the door asks for room and name, says what is wrong with them, and remembers them", async () => {
  const page = await pages.open(site.url);
  await page.locator("#door[open]").waitFor();
  await page.keyboard.press("Escape");
  assert.ok(await page.locator("#door[open]").isVisible(), "Escape left the door open to nowhere");
  await shoot(page, "door");
  await page.fill("[name=room]", "cats & 猫");
  await page.fill("[name=name]", "..");
  await page.click("#enter");
  assert.match((await page.textContent("#why"))!, /not only dots/);
  await page.fill("[name=name]", "mia");
  await page.click("#enter");
  await page.locator("#door").waitFor({ state: "hidden" });
  assert.equal(new URL(page.url()).searchParams.get("room"), "cats & 猫");
  assert.equal(await page.textContent("#title"), "cats & 猫");
  await page.reload();
  assert.equal(await page.textContent("#me"), "mia");
  await page.context().close();
});
