// Against the real gateway, in a real browser, by script tag, from another origin.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test, type TestContext } from "node:test";
import * as playwright from "playwright-core";
import type { Browser, Page } from "playwright-core";
import type * as Client from "../../src/index.js";
import { Cutter } from "../cutter.js";
import { chromium } from "../program.js";
import { Gateway } from "./gateway.js";

/** The globals of the page: the script's, and the test's own. */
declare const Barrage: typeof Client;
declare global {
  interface Window {
    room: Client.Room;
    log: string[];
    seqs: number[];
    hide(hidden: boolean): void;
  }
}

const script = readFileSync("dist/barrage.js", "utf8");
const html = `<!doctype html><title>test</title><script src="barrage.js"></script>`;

let browser: Browser;
const site = createServer((req, res) => {
  res.setHeader("Content-Type", req.url === "/barrage.js" ? "text/javascript" : "text/html");
  res.end(req.url === "/barrage.js" ? script : html);
});

before(async () => {
  site.listen(0, "127.0.0.1");
  await once(site, "listening");
  browser = await playwright.chromium.launch(chromium);
});

after(async () => {
  await browser.close();
  site.closeAllConnections();
  site.close();
});

/** open opens a page with a Room that connects to port. */
async function open(t: TestContext, port: number, options: Partial<Client.RoomOptions> = {}): Promise<Page> {
  const page = await browser.newPage();
  t.after(() => page.close());
  page.on("pageerror", (err) => assert.fail(String(err)));
  await page.goto(`http://127.0.0.1:${(site.address() as AddressInfo).port}/`);
  await page.evaluate(
    (options) => {
      const room = new Barrage.Room(options);
      Object.assign(window, {
        room,
        log: [],
        seqs: [],
        hide(hidden: boolean) {
          Object.defineProperty(document, "visibilityState", { value: hidden ? "hidden" : "visible", configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        },
      });
      room.on("message", (m) => window.seqs.push(m.seq));
      room.on("gap", (g) => window.log.push(`gap ${g.from}-${g.to}`));
      room.on("state", (s) => window.log.push(`${s.name} ${s.reason}`));
      room.on("error", (e) => window.log.push(`error ${e.code}`));
      room.on("recalled", (r) => window.log.push(`recalled ${r.seq}`));
      room.connect();
    },
    { url: `ws://127.0.0.1:${port}`, room: "42", userId: "ann", token: "t", backoffBaseMs: 20, backoffCapMs: 200, ...options } as Client.RoomOptions,
  );
  return page;
}

const isOpen = (page: Page) => page.waitForFunction(() => window.room.state.name === "open");

test("two pages chat, like and recall", async (t) => {
  const { port } = await Gateway.start(t);
  const [ann, bob] = [await open(t, port), await open(t, port, { userId: "bob" })];
  await isOpen(bob);
  const sent = await ann.evaluate(() => window.room.send("hello"));
  await bob.waitForFunction((seq) => window.seqs.includes(seq), sent.seq);
  await bob.evaluate(() => window.room.like(5));
  await ann.waitForFunction(() => window.room.likes === 5 && window.room.online === 2);
  await ann.evaluate((seq) => window.room.recall(seq), sent.seq);
  await bob.waitForFunction((seq) => window.log.includes(`recalled ${seq}`), sent.seq);
  const history = await bob.evaluate(() => window.room.messages());
  assert.deepEqual(history.map((m) => m.recalled), [true], "history is had from another origin");
});

test("cut by force again and again: each message once, in order", async (t) => {
  const { port } = await Gateway.start(t);
  const cutter = await Cutter.before(() => port);
  t.after(() => cutter.close());
  const [ann, eve] = [await open(t, cutter.port), await open(t, port, { userId: "eve" })];
  await isOpen(eve);
  let cuts = 0;
  for (let i = 0; i < 10; i++) {
    await isOpen(ann);
    const sends = Promise.all([ann, eve].map((page) => page.evaluate(async () => void (await Promise.all(Array.from({ length: 10 }, (_, n) => window.room.send(`m${n}`)))))));
    if (i % 2 === 0) cutter.cutAfter = 100 + 30 * i; // amidst the next handshake or welcome
    cuts += cutter.cutAll();
    await sends;
  }
  for (const page of [ann, eve]) {
    await page.waitForFunction(() => window.seqs.length >= 200);
    assert.deepEqual(await page.evaluate(() => window.seqs), Array.from({ length: 200 }, (_, i) => i + 1));
    assert.deepEqual(await page.evaluate(() => window.log.filter((l) => l.startsWith("gap"))), []);
  }
  assert.ok(cuts >= 10, `only ${cuts} cuts`);
});

test("a refusal is told, though a page cannot see the status of a handshake", async (t) => {
  const { port } = await Gateway.start(t, { BARRAGE_AUTH_MODE: "redis" });
  const page = await open(t, port, { token: "forged" });
  await page.waitForFunction(() => window.room.state.name === "closed");
  assert.deepEqual(await page.evaluate(() => window.log), ["connecting connect", "closed unauthenticated", "error unauthenticated"]);
});

test("a full node is told, with when to come again, though a page cannot see it", async (t) => {
  const { port } = await Gateway.start(t, { BARRAGE_SERVER_MAX_CONNECTIONS: "1" });
  const ann = await open(t, port);
  await isOpen(ann);
  const bob = await open(t, port, { userId: "bob" });
  await bob.waitForFunction(() => window.room.state.name === "waiting");
  const { log, retryInMs } = await bob.evaluate(() => ({ log: window.log, retryInMs: window.room.state.retryInMs! }));
  assert.deepEqual(log, ["connecting connect", "waiting full"]);
  assert.ok(retryInMs >= 1000, `it waits ${retryInMs} ms: its own bound is 20, the node said a second or more`);
  await ann.evaluate(() => window.room.close());
  await isOpen(bob);
});

test("a page whose origin the node does not let in is told, and does not try again", async (t) => {
  const { port } = await Gateway.start(t, { BARRAGE_CORS_ALLOWED_ORIGINS: "https://elsewhere.example" });
  const page = await open(t, port);
  await page.waitForFunction(() => window.room.state.name === "closed");
  assert.deepEqual(await page.evaluate(() => window.log), ["connecting connect", "closed origin_not_allowed", "error origin_not_allowed"]);
});

for (const [what, event] of [["is seen again", "visible"], ["has its network back", "online"]] as const) {
  test(`a page that ${what} connects at once`, async (t) => {
    const { port } = await Gateway.start(t);
    const cutter = await Cutter.before(() => port);
    t.after(() => cutter.close());
    const page = await open(t, cutter.port, { backoffBaseMs: 1e9, backoffCapMs: 1e9 });
    await isOpen(page);
    await page.evaluate(() => window.hide(true));
    cutter.cutAll();
    await page.waitForFunction(() => window.room.state.name === "waiting");
    await page.evaluate((event) => (event === "visible" ? window.hide(false) : window.dispatchEvent(new Event("online"))), event);
    await isOpen(page);
  });
}

test("a node that leaves: the page comes back to the next one and loses nothing that waits", async (t) => {
  const first = await Gateway.start(t);
  let port = first.port;
  const cutter = await Cutter.before(() => port);
  t.after(() => cutter.close());
  const page = await open(t, cutter.port);
  await isOpen(page);
  await first.stop("SIGTERM");
  await page.waitForFunction(() => window.room.state.name !== "open");
  assert.ok((await page.evaluate(() => window.log)).some((l) => l.endsWith(" leaving")));
  const sent = page.evaluate(() => window.room.send("while there is no node"));
  port = (await Gateway.start(t)).port;
  assert.equal((await sent).seq, 1);
});
