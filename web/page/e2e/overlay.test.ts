// The overlay page: what a browser source of OBS shows over a stream.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { alone } from "./alone.js";
import { desktop, frames, moving, shoot } from "./browser.js";

const there = alone();
const overlay = (query: string, prepare?: (page: Page) => Promise<void>) => there.pages.open(`${there.url}overlay?${query}`, { ...desktop, ...moving }, prepare);
const rows = (page: Page) => page.locator(".barrage-row");
const texts = (page: Page) => page.locator(".barrage-text").allTextContents();

/** room is a server whose room has these messages, and what it says next. */
function room(messages: object[], then: object[] = []): (page: Page) => Promise<void> {
  return (page) => page.routeWebSocket(/\/v1\/rooms\/r\/ws/, (ws) => {
    ws.send(JSON.stringify({ t: "welcome", room: "r", user_id: "g-1", guest: true, can: ["read"], epoch: "e", seq: messages.length, messages, limits: {} }));
    for (const frame of then) ws.send(JSON.stringify(frame));
  });
}

const message = (seq: number, body: string, more: object = {}) => ({ seq, kind: "chat", user_id: "eve", body, ts: Date.now(), id: `~${seq}`, ...more });

test("nothing but comments: the page is transparent, takes no clicks, and a storm of 1,000 a second stays few elements", async () => {
  for (const style of ["list", "fly", "both"]) {
    const page = await overlay(`demo=1&rate=1000&style=${style}&lines=12`);
    assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor + getComputedStyle(document.body).backgroundColor), "rgba(0, 0, 0, 0)rgba(0, 0, 0, 0)");
    assert.equal(await page.locator(".barrage").evaluate((e) => getComputedStyle(e).pointerEvents), "none");
    if (style !== "fly") await page.waitForFunction(() => document.querySelectorAll(".barrage-row").length === 12);
    if (style !== "list") await page.waitForFunction(() => {
      const { width, height } = document.querySelector("canvas")!;
      return width > 0 && document.querySelector("canvas")!.getContext("2d")!.getImageData(0, 0, width, height).data.some((x) => x > 0);
    });
    const { elements } = await frames(page, 60);
    assert.ok(elements < 80, `${elements} elements`);
    await shoot(page, `overlay-${style}`);
    await page.context().close();
  }
});

test("after a reload the lines of before are there again, without those that are hidden, and with what was taken back gone", async () => {
  const old = [message(1, "one"), message(2, "bot says", { user: { role: "bot" } }), message(3, "gift", { kind: "gift" }), message(4, "taken"), message(5, "\u202eturned", { user_id: "مريم" })];
  const page = await overlay("room=r&hide=bots,gift", room(old, [{ t: "recalled", seq: 4, by: "", user_id: "eve", id: "~4", ts: 0 }]));
  for (let again = 0; again < 2; again++) {
    await page.waitForFunction(() => document.querySelectorAll(".barrage-row").length === 2);
    assert.deepEqual(await texts(page), ["one", "turned"]);
    await page.reload();
  }
  await page.context().close();
});

test("lines fade when they are old, and styles that people give win", async () => {
  const page = await overlay("room=r&fade=60s&size=30&accent=rgb(1,2,3)", room([message(1, "old", { ts: Date.now() - 61_000 }), message(2, "young")]));
  await rows(page).first().waitFor();
  assert.deepEqual(await texts(page), ["young"]);
  assert.equal(await page.locator(".barrage-name").evaluate((e) => getComputedStyle(e).color), "rgb(1, 2, 3)");
  assert.equal(await rows(page).evaluate((e) => getComputedStyle(e).fontSize), "30px");
  const styled = await overlay("room=r", room([message(1, "x")]));
  await rows(styled).first().waitFor();
  await styled.evaluate(() => { // As OBS adds its custom CSS; the policy keeps style elements of pages out, not those of the browser.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(":root { --barrage-size: 40px } .barrage-text { font-weight: 900; }");
    document.adoptedStyleSheets = [sheet, ...document.adoptedStyleSheets];
  });
  assert.deepEqual(await rows(styled).evaluate((e) => [getComputedStyle(e).fontSize, getComputedStyle(e.querySelector(".barrage-text")!).fontWeight]), ["40px", "900"]);
  await Promise.all([page, styled].map((p) => p.context().close()));
});

test("an address that makes no sense, and a room that is closed, are said", async () => {
  for (const [query, text] of [["room=r&lines=many", /lines is NaN, want 1 to 100/], ["room=r&style=x", /look is x, want fly, list or both/], ["", /room has 0 bytes/]] as const) {
    const page = await overlay(query);
    assert.match((await page.locator("#problem").textContent())!, text);
    await page.context().close();
  }
  const page = await overlay("room=r", async (page) => {
    await page.routeWebSocket(/\/v1\/rooms/, (ws) => void ws.close({ code: 4403, reason: "" }));
    await page.route(/\/v1\/rooms\//, (route) => route.fulfill({ status: 403, json: { error: { code: "forbidden", message: "this room is private" } } }));
  });
  await page.locator("#problem", { hasText: "not a member" }).or(page.locator("#problem", { hasText: "private" })).waitFor();
  await page.context().close();
});
