// A moderator's session over two real nodes and one Redis, in a storm: a viewer on the other node sees the acts of the
// console.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { WebSocket } from "ws";
import { type Purged, type Recalled, Room, type WebSocketClass } from "../../client/src/index.js";
import { freePort, startRedis } from "../../client/test/program.js";
import { launch, Pages, patience, shoot } from "./browser.js";
import { Crowd } from "./crowd.js";
import { binary, Node } from "./node.js";

const rate = 200; // Messages a second: CI's cores hold two nodes, Redis, the crowd and Chromium.

let browser: Browser, pages: Pages, one: Node, two: Node, key = "";
const ends: (() => unknown)[] = [], rooms: Room[] = [];

before(async () => {
  const folder = mkdtempSync(join(tmpdir(), "console-")), file = join(folder, "keys.yaml");
  ends.push(() => rmSync(folder, { recursive: true }));
  key = execFileSync(binary, ["admin", "key", "new", "oncall", "--can", "moderate,rooms,ops", "--file", file], { stdio: ["ignore", "pipe", "ignore"] }).toString().trim();
  const [chromium, redis, port] = await Promise.all([launch(), startRedis(), freePort()]);
  browser = chromium;
  ends.push(() => browser.close(), () => redis.program.end("SIGKILL"));
  pages = new Pages(browser);
  [one, two] = await Promise.all([Node.start(redis.port, { BARRAGE_ADMIN_KEYS_FILE: file, BARRAGE_ADMIN_LISTEN: `127.0.0.1:${port}` }), Node.start(redis.port, { BARRAGE_ADMIN_KEYS_FILE: file })]);
  ends.push(() => one.kill(), () => two.kill());
});
after(async () => {
  for (const room of rooms) room.close();
  for (const end of ends.reverse()) await end();
  assert.deepEqual(pages.errors, []);
});

/** join is somebody in the room, on the second node. */
function join2(userId: string): Room {
  const room = new Room({ url: two.url, room: "live-1", userId, token: "t", WebSocket: WebSocket as WebSocketClass });
  rooms.push(room);
  room.connect();
  return room;
}

/** until waits until it holds. */
async function until(what: string, holds: () => boolean): Promise<void> {
  for (const from = Date.now(); !holds(); await new Promise((done) => setTimeout(done, 20))) assert.ok(Date.now() - from < patience, `not seen: ${what}`);
}

const console_ = (node: Node) => `http://${node.admin}/console#room=live-1`;

test("a moderator keeps order from either node, and viewers of the other one see it", async (t) => {
  const viewer = join2("viewer"), bob = join2("bob"), troll = join2("troll"), recalled: Recalled[] = [], purged: Purged[] = [], heard: string[] = [];
  viewer.on("recalled", (r) => recalled.push(r));
  viewer.on("purged", (p) => purged.push(p));
  viewer.on("message", (m) => heard.push(m.body));
  for (const somebody of [bob, troll]) somebody.on("error", () => {}); // One is sent out.
  await until("all are in", () => [viewer, bob, troll].every(({ state }) => state.name === "open"));
  const put = await fetch(`http://${two.admin}/v1/admin/filter/lists/words`, { method: "PUT", headers: { Authorization: `Bearer ${key}`, "Content-Type": "text/plain" }, body: "rats =hold\ndarn =mask\n" });
  assert.equal(put.status, 200);
  const crowd = new Crowd(two.url, "live-1");
  crowd.talk(rate);
  ends.push(() => crowd.leave());

  // On the first node: the key is asked for once, and kept by the tab alone.
  const page = await pages.open(console_(one));
  await page.locator("#door[open]").waitFor();
  await page.fill("#key", key);
  await page.keyboard.press("Enter");
  await page.locator("#link[data-state=live]").waitFor();
  await page.locator("#sample", { hasText: /^Showing 1 of [\d,]+ messages · [\d,]+ messages since/ }).waitFor();
  await page.locator("#roomList .pick[aria-current=true]", { hasText: "live-1" }).waitFor();
  assert.deepEqual(await page.evaluate(() => Object.keys(localStorage)), []);
  const sharp = (await fetch(console_(one))).headers.get("content-security-policy")!;
  assert.match(sharp, /default-src 'none'.*connect-src 'self'.*frame-ancestors 'none'/);
  await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "document.title = 'owned'";
    document.body.append(script);
  });
  assert.notEqual(await page.title(), "owned", "the policy lets no script in");
  pages.errors.length = 0; // Chromium says so.

  await page.focus("#feed");
  await page.keyboard.press("k");
  await page.keyboard.press("d");
  await page.locator("article.gone[aria-current]").waitFor();
  await until("a message is taken back on the other node", () => recalled.length === 1);
  await page.locator("#sample", { hasText: /chosen · [\d,]+ newer/ }).waitFor();
  await shoot(page, "console-session");

  const card = async (id: string) => {
    await page.locator("nav [data-view=user]").click();
    await page.fill("#whom", id);
    await page.keyboard.press("Enter");
    await page.locator("#card h3", { hasText: id }).waitFor();
    return page.locator("#card");
  };
  const of = await card("bob");
  await of.locator(".socket", { hasText: "live-1" }).waitFor();
  await of.getByText("Mute 10 min").click();
  const undo = page.locator(".toast button").first();
  await undo.hover(); // it stays
  await until("bob is muted", () => bob.you.mutedUntil > Date.now());
  await of.locator(".measure .mute").waitFor();
  await undo.click();
  await until("bob is not muted any more", () => bob.you.mutedUntil === 0);
  await troll.send("buy my stuff"); // the card looks through the newest 5,000 messages
  const trolls = await card("troll");
  await trolls.getByText("buy my stuff").waitFor();
  await trolls.getByText("Ban…").click();
  await page.check("#askPurge");
  await page.fill("#askReason", "spam");
  await page.locator("#askYes").click();
  await until("the troll is out", () => troll.state.name === "closed" && troll.state.reason === "banned");
  await until("what the troll said is gone", () => purged.some(({ userId }) => userId === "troll"));

  // On the second node: the same key, another tab.
  const held = bob.send("rats, it is over").catch((err: { code: string }) => err.code);
  assert.equal(await held, "held");
  const other = await pages.open(console_(two));
  await other.fill("#key", key);
  await other.keyboard.press("Enter");
  await other.locator("li.held", { hasText: "rats" }).getByText("Approve").click();
  await until("the viewer hears what was approved", () => heard.includes("rats, it is over"));
  await other.locator("nav [data-view=room]").click();
  await other.selectOption("#mode-slow_ms", { label: "5 s" });
  await until("the room is slow", () => viewer.modes.slowMs === 5000);
  await page.locator("#modes", { hasText: "slow 5 s" }).waitFor(); // The other console, too.
  await other.selectOption("#mode-slow_ms", { label: "off" });
  await until("the room is not slow", () => viewer.modes.slowMs === 0);
  await other.locator("nav [data-view=words]").click();
  await other.fill("#text", "darn it");
  await other.locator("#test button").click();
  await other.locator("#verdict", { hasText: "It is sent as: **** it" }).waitFor();
  await other.locator("nav [data-view=log]").click();
  await other.locator("#entries li", { hasText: "approve" }).waitFor();
  await page.focus("#feed");
  await page.keyboard.press("k");
  await page.keyboard.press("p");
  await page.locator("#askYes").click();
  await until("one of the crowd is purged", () => purged.some(({ userId }) => userId.startsWith("fan-")));
  await page.keyboard.press("Escape");

  // The node of the first console goes, and comes back.
  await one.kill();
  await page.locator("#trouble", { hasText: "The node does not answer" }).waitFor();
  await one.start();
  await page.locator("#link[data-state=live]").waitFor();
  const last = await page.locator("article").last().textContent();
  await page.waitForFunction((last) => [...document.querySelectorAll("article")].at(-1)?.textContent !== last, last);
  crowd.hush();
  t.diagnostic(await page.textContent("#sample") ?? "");
  await page.locator("#sample", { hasText: /^Showing every message/ }).waitFor();
});
