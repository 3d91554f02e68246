// The overlay page, which a browser source of OBS shows over a stream.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { basename } from "node:path";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { alone } from "./alone.js";
import { desktop, frames, moving, shoot } from "./browser.js";

const there = alone();
const overlay = (query: string, prepare?: (page: Page) => Promise<void>) => there.pages.open(`${there.url}overlay?${query}`, { ...desktop, ...moving }, prepare);
const rows = (page: Page) => page.locator(".barrage-row");
const texts = (page: Page) => page.locator(".barrage-text").allTextContents();

/** room is a server whose room has these messages, and its next frames. */
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
    await page.waitForFunction(() => getComputedStyle(document.querySelector(".barrage")!).pointerEvents === "none");
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

test("a clear takes lines of before and none of a later epoch", async () => {
  const batch = (epoch: string, seq: number, body: string) => ({ t: "batch", epoch, seq, messages: [message(seq, body)] });
  const page = await overlay("room=r", room([message(1, "one"), message(2, "two")], [
    { t: "epoch", epoch: "e2", seq: 2, ts: 0 }, batch("e2", 3, "three"), { t: "cleared", epoch: "e", seq: 2 }, batch("e2", 4, "four"),
  ]));
  await rows(page).filter({ hasText: "four" }).waitFor();
  assert.deepEqual(await texts(page), ["three", "four"]);
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
  // As OBS adds its custom CSS; the policy keeps style elements of pages out, not those of the browser.
  await styled.evaluate(() => {
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

test("how old a line is goes by the server's clock, as soon as something was said", async () => {
  let sockets = 0;
  // This device is ten minutes ahead.
  const ago = 600_000, old = (seq: number, body: string, ms: number) => message(seq, body, { ts: Date.now() - ago - ms });
  const page = await overlay("room=r&fade=60s", (page) => page.routeWebSocket(/\/v1\/rooms\/r\/ws/, (ws) => {
    const again = sockets++ > 0, welcome = { t: "welcome", room: "r", user_id: "g-1", guest: true, can: ["read"], epoch: "e", limits: {}, recovered: again };
    if (again) return ws.send(JSON.stringify({ ...welcome, seq: 3, messages: [old(2, "long ago", 61_000), old(3, "missed", 1000)] }));
    ws.send(JSON.stringify({ ...welcome, seq: 0, messages: [] }));
    ws.send(JSON.stringify({ t: "batch", epoch: "e", seq: 1, messages: [old(1, "live", 0)] }));
    setTimeout(() => void ws.close({ code: 1001, reason: "" }), 50);
  }));
  await rows(page).nth(1).waitFor();
  assert.deepEqual(await texts(page), ["live", "missed"]);
  await page.context().close();
});

test("comments of a video stand still while it does, and those that fade do not grow older", async (t) => {
  const site = createServer(({ url }, response) => { // Of the package as it is built.
    if (url!.endsWith(".mjs")) response.writeHead(200, { "Content-Type": "text/javascript" }).end(readFileSync(`../client/dist/${basename(url!)}`));
    else response.writeHead(200, { "Content-Type": "text/html" }).end('<!doctype html><link rel="icon" href="data:,"><div id="place" style="position: absolute; inset: 0"></div>');
  });
  t.after(() => {
    site.close();
    site.closeAllConnections();
  });
  await new Promise<void>((done) => site.listen(0, "127.0.0.1", done));
  const page = await there.pages.open(`http://127.0.0.1:${(site.address() as AddressInfo).port}/`, { ...desktop, ...moving });
  await page.evaluate(async () => {
    const load = (name: string) => import(`${location.href}${name}`), { Overlay } = await load("overlay.mjs"), { Replay } = await load("replay.mjs");
    const video = { currentTime: 0, stopsAt: 0.8 }, messages = [1, 2].map((seq) => ({ seq, kind: "chat", userId: "eve", body: `line ${seq}`, ts: seq * 100, id: `~${seq}` }));
    const replay = new Replay(video, messages, { t0: 0 });
    new Overlay(document.getElementById("place"), { look: "both", fadeMs: 3000 }).show(replay);
    replay.start();
    let last = performance.now();
    const play = (now: number) => {
      // A slow machine makes no jump.
      if (video.currentTime < video.stopsAt) video.currentTime += Math.min(100, now - last) / 1000;
      last = now;
      requestAnimationFrame(play);
    };
    requestAnimationFrame(play);
    Object.assign(window, { video });
  });
  /** seen is what there is to see, after so many ms by frames. */
  const seen = (ms: number) => page.evaluate(async (ms) => {
    for (const end = performance.now() + ms; performance.now() < end; ) await new Promise(requestAnimationFrame);
    const sky = document.querySelector("canvas")!, data = sky.getContext("2d")!.getImageData(0, 0, sky.width, sky.height).data;
    let sum = 0;
    for (let i = 3; i < data.length; i += 4) if (data[i]) sum += i * data[i]!;
    return `${sum} ${[...document.querySelectorAll(".barrage-row")].map((row) => getComputedStyle(row).opacity)}`;
  }, ms);
  await page.locator(".barrage-stands").waitFor();
  const then = await seen(0);
  assert.match(then, /^[1-9]\d* 1,1$/);
  assert.equal(await seen(4000), then, "it goes on without its video");
  await page.evaluate(() => Object.assign((window as unknown as { video: object }).video, { stopsAt: Infinity }));
  for (let i = 0; (await seen(200)) === then; i++) assert.ok(i < 50, "it stands still beside a video that plays");
  await rows(page).first().waitFor({ state: "detached" });
  await page.context().close();
});
