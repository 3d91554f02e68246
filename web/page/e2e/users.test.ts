// The users that the page knows: a guest, a user, one whose login has ended or was replaced. The server is made up
// here.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { BrowserContext, BrowserContextOptions, Page, WebSocketRoute } from "playwright-core";
import { alone } from "./alone.js";
import { desktop, focused, phone, shoot } from "./browser.js";

const there = alone();

const chinese = { ...phone, locale: "zh-CN" } satisfies BrowserContextOptions;

/** Made is a server for one page, made up. */
class Made {
  /** user is whom a token is of; shown are the tokens that sockets came with, "" for none. */
  user = (token: string): string => (token ? "Mia" : "g-1");
  readonly shown: string[] = [];
  /** passwords are those of the logins; takes says which are right. */
  readonly passwords: string[] = [];
  takes = (_: string) => true;
  /** welcome is what the welcome says beside the rest; closeWith, where set, comes in its place, as a close code. */
  welcome: (token: string) => object = (token) => (token ? { can: ["read", "send", "like", "recall"] } : { guest: true, can: ["read"] });
  closeWith: ((token: string) => number) | undefined;
  /** clock lets the test move the page's clock, which goes on by itself too. */
  clock = false;
  private readonly waits: (() => void)[] = [];
  private socket: WebSocketRoute | undefined;
  private seq = 0;

  /** serve has the page talk to it. */
  async serve(page: Page): Promise<void> {
    await page.route("**/v1/login", (route) => {
      const { password } = route.request().postDataJSON() as { password: string };
      this.passwords.push(password);
      return this.takes(password) ? route.fulfill({ json: { token: `t${this.passwords.length}` } }) : route.fulfill({ status: 401, json: {} });
    });
    await page.route(/\/v1\/rooms\//, (route) => route.fulfill({ json: { epoch: "e", messages: [] } }));
    await page.routeWebSocket(/\/v1\/rooms\//, (ws) => {
      const bearer = ws.protocols().find((p) => p.startsWith("bearer.")) ?? "", token = Buffer.from(bearer.slice(7), "base64url").toString();
      this.socket = ws;
      this.shown.push(token);
      for (const look of this.waits) look();
      const code = this.closeWith?.(token) ?? 0;
      if (code) return void ws.close({ code });
      this.say({ t: "welcome", room: "r", user_id: this.user(token), node: "n", epoch: "e", seq: this.seq, online: 1, likes: 0, total: 0, recovered: false, messages: [], heartbeat_ms: 0, limits: {}, ...this.welcome(token) });
    });
  }

  /** sockets waits until n have come: between two of them the page may be away for no time at all. */
  sockets(n: number): Promise<void> {
    return new Promise((done) => {
      const look = () => { if (this.shown.length >= n) done(); };
      this.waits.push(look);
      look();
    });
  }

  say(frame: object): void {
    this.socket!.send(JSON.stringify(frame));
  }

  batch(...messages: object[]): void {
    this.say({ t: "batch", epoch: "e", seq: this.seq + 1, messages: messages.map((m) => ({ seq: ++this.seq, kind: "chat", user_id: "Eve", body: "hi", ts: Date.now(), id: `~${this.seq}`, ...m })) });
  }

  close(code: number): void {
    void this.socket!.close({ code });
  }
}

/** open opens an address of the page, with a server made up as prepare says. */
async function open(address: string, device: BrowserContextOptions = desktop, prepare: (made: Made) => void = () => {}): Promise<{ page: Page; made: Made }> {
  const made = new Made();
  prepare(made);
  const page = await there.pages.open(`${there.url}${address}`, device, async (page) => {
    if (made.clock) await page.clock.install();
    await made.serve(page);
  });
  return { page, made };
}

/** another opens one more tab of the same browser. */
async function another(context: BrowserContext, address: string, made: Made): Promise<Page> {
  const page = await context.newPage();
  await made.serve(page);
  await page.goto(`${there.url}${address}`);
  return page;
}

const live = (page: Page) => page.locator("#state[data-state=open]").waitFor();
const gate = (page: Page, text: string) => page.locator("#gateWhy", { hasText: text }).waitFor();

/** writes waits until one may write. */
async function writes(page: Page): Promise<void> {
  await page.locator("#composer").waitFor();
  assert.ok(await page.locator("#gate").isHidden());
}

/** fits says that the gate is on the screen, and nothing of it is cut off. */
async function fits(page: Page): Promise<void> {
  const { width, height } = page.viewportSize()!;
  for (const id of ["gate", "gateWhy", "gateOffer"]) {
    const box = await page.locator(`#${id}`).boundingBox();
    assert.ok(box && box.width > 0 && box.x >= 0 && box.x + box.width <= width + 0.5 && box.y + box.height <= height + 0.5, `${id}: ${JSON.stringify(box)}`);
  }
  assert.ok(await page.locator("#gate").evaluate((e) => e.scrollWidth <= e.clientWidth));
}

for (const [device, name, text] of [[desktop, "guest", "You are watching as a guest. Log in to write."], [chinese, "游客", "你正以游客身份观看，登录后可以发言。"]] as const) {
  test(`a guest watches, and is told how to write: ${name}`, async () => {
    const { page, made } = await open("?room=r", device);
    await page.click("#watch");
    await live(page);
    await gate(page, text);
    assert.deepEqual([made.shown, made.passwords], [[""], []], "a guest shows no token, and logs in nowhere");
    assert.ok(await page.locator("#composer").isHidden());
    assert.ok(await page.locator("#like").isDisabled());
    assert.equal(await page.textContent("#me"), name);
    made.batch({ body: "hello" });
    await page.locator("#rows .message", { hasText: "hello" }).waitFor();
    await fits(page);
    await shoot(page, `users-guest-${device.viewport.width}`);
    await page.reload();
    await gate(page, text);
    assert.deepEqual(made.shown, ["", ""], "a guest stays one");

    await page.focus("#gateOffer");
    await page.keyboard.press("Enter");
    await page.locator("#door[open]").waitFor();
    await page.fill("[name=name]", "Mia");
    await page.press("[name=name]", "Enter");
    await live(page);
    await writes(page);
    assert.deepEqual(made.shown, ["", "", "t1"]);
    assert.equal(await page.textContent("#me"), "Mia");
    assert.ok(await page.locator("#like").isEnabled());
    await page.context().close();
  });
}

test("an empty name is a guest's; where guests are not let in the door says so", async () => {
  const { page, made } = await open("?room=r");
  made.closeWith = (token) => (token ? 0 : 4401);
  await page.press("[name=name]", "Enter");
  await page.locator("#why", { hasText: "Only those who log in may watch here." }).waitFor();
  await page.fill("[name=name]", "Mia");
  await page.press("[name=name]", "Enter");
  await live(page);
  await writes(page);
  await page.context().close();
});

test("who may read and like, and not write, hears so; a renewed token may say other", async () => {
  const { page, made } = await open("?room=r&name=Mia", desktop, (made) => { made.welcome = () => ({ can: ["read", "like"] }); });
  await live(page);
  await gate(page, "Your login lets you read here, not write.");
  assert.ok(await page.locator("#like").isEnabled());
  made.welcome = () => ({ can: ["read", "send"] });
  await page.focus("#like");
  made.close(1012);
  await page.locator("#composer").waitFor();
  assert.ok(await page.locator("#like").isDisabled());
  assert.equal(await focused(page), "log", "the focus went with the button");
  await page.context().close();
});

test("a token in the address logs in without a name, and leaves the address at once", async () => {
  const token = "令牌 +/%&=#";
  const { page, made } = await open(`?room=r#token=${encodeURIComponent(token)}`, desktop, (made) => { made.user = () => "u-7"; });
  await live(page);
  assert.equal(new URL(page.url()).hash, "");
  assert.deepEqual([made.shown, made.passwords], [[token], []]);
  assert.equal(await page.textContent("#me"), "u-7");
  made.batch({ user_id: "u-7", body: "mine" });
  await page.locator("#rows .mine", { hasText: "mine" }).waitFor();
  await page.reload();
  await live(page);
  assert.deepEqual(made.shown, [token, token], "this tab keeps it");
  assert.deepEqual(await page.evaluate(() => Object.values(localStorage).filter((v) => v.includes("令牌"))), [], "others do not");

  made.welcome = () => ({ auth_expires_ms: 1 });
  made.close(1012);
  await made.sockets(3);
  await live(page);
  made.close(4401);
  await gate(page, "Your login has ended.");
  assert.ok(await page.locator("#now").isHidden(), "to connect again would not help");
  await page.click("#gateOffer");
  await page.locator("#why", { hasText: "Your login has ended. Log in again." }).waitFor();
  await page.context().close();
});

test("what is no token, in the address, is said by the door", async () => {
  const { page, made } = await open("?room=r#token=a%0Ab");
  await page.locator("#why", { hasText: "Login failed: this login cannot be used." }).waitFor();
  assert.deepEqual(made.shown, []);
  assert.equal(new URL(page.url()).hash, "");
  await page.context().close();
});

test("a login that ends is renewed by itself, once", async () => {
  const { page, made } = await open("?room=r&name=Mia");
  await live(page);
  made.close(4401);
  await made.sockets(2);
  await live(page);
  await writes(page);
  assert.deepEqual([made.shown, made.passwords], [["t1", "t2"], ["any", "any"]]);
  made.closeWith = () => 4401;
  made.close(4401);
  await gate(page, "Your login is not valid.");
  assert.deepEqual([made.shown, made.passwords.length], [["t1", "t2", "t3"], 3], "and not for ever");
  await page.context().close();
});

for (const [device, why, again] of [[desktop, "Your login has ended.", "Your login has ended. Log in again."], [chinese, "登录已到期。", "登录已到期，请重新登录。"]] as const) {
  test(`a login that ends, and is not renewed without a password: ${why}`, async () => {
    const { page, made } = await open("?room=r&name=Mia", device, (made) => { made.welcome = () => ({ auth_expires_ms: 1 }); });
    await live(page);
    made.batch({ body: "stays" });
    await page.locator("#rows .message", { hasText: "stays" }).waitFor();
    made.takes = (password) => password === "secret";
    await page.focus("#say");
    made.close(4401);
    await gate(page, why);
    assert.equal(await focused(page), "gateOffer", "the focus went with the composer");
    assert.equal(await page.locator("#rows .message").count(), 1, "what was read is still there");
    await fits(page);
    await shoot(page, `users-expired-${device.viewport.width}`);
    await page.click("#gateOffer");
    await page.locator("#why", { hasText: again }).waitFor();
    await page.fill("[name=password]", "secret");
    await page.press("[name=password]", "Enter");
    await live(page);
    await writes(page);
    assert.equal(made.passwords.at(-1), "secret");
    await page.context().close();
  });
}

test("a wrong password is said by the door, which asks for it again", async () => {
  const { page, made } = await open("?room=r&name=Mia", desktop, (made) => { made.takes = (password) => password === "secret"; });
  await page.locator("#why", { hasText: "Login failed: wrong name or password." }).waitFor();
  await page.fill("[name=password]", "secret");
  await page.press("[name=password]", "Enter");
  await live(page);
  assert.deepEqual(made.passwords, ["any", "secret"]);
  await page.context().close();
});

for (const [device, why] of [[desktop, "You logged in somewhere else. This page has stopped."], [chinese, "你已在别处登录，此页面已停止。"]] as const) {
  test(`a login that was replaced stops the page, which logs in by a click alone: ${why}`, async () => {
    const { page, made } = await open("?room=r&name=Mia", device, (made) => { made.clock = true; });
    await live(page);
    made.close(4410);
    await gate(page, why);
    assert.ok(await page.locator("#now").isHidden());
    await fits(page);
    await shoot(page, `users-replaced-${device.viewport.width}`);
    await page.evaluate(() => { // A page that comes back connects again where it waits.
      window.dispatchEvent(new Event("online"));
      document.dispatchEvent(new Event("visibilitychange"));
    });
    await page.clock.fastForward("10:00:00");
    assert.deepEqual([made.shown, made.passwords.length], [["t1"], 1], "nobody has logged in");
    await page.click("#gateOffer");
    await live(page);
    await writes(page);
    assert.deepEqual([made.shown, made.passwords.length], [["t1", "t2"], 2]);
    made.takes = () => false;
    made.close(4410);
    await gate(page, why);
    await page.click("#gateOffer");
    await page.locator("#secret").waitFor();
    await page.context().close();
  });
}

test("tabs of one browser share the newest login: none stops, and none logs in for it", async () => {
  const { page: first, made } = await open("?room=r&name=Mia");
  await live(first);
  await first.evaluate(() => localStorage.setItem("barrage.token.Mia", "newer"));
  made.close(4410);
  await made.sockets(2);
  await live(first);
  assert.deepEqual([made.shown, made.passwords.length], [["t1", "newer"], 1]);
  made.close(4410); // Before the other tab has saved its token.
  await gate(first, "You logged in somewhere else.");
  const second = await another(first.context(), "?room=other", new Made());
  await second.evaluate(() => localStorage.setItem("barrage.token.Mia", "newest"));
  await made.sockets(3);
  await live(first);
  assert.deepEqual([made.shown, made.passwords.length], [["t1", "newer", "newest"], 1]);
  await first.context().close();
});

test("a name stands in place of the id, as text, and turns nothing around", async () => {
  const { page, made } = await open("?room=r&name=Mia");
  await live(page);
  made.batch(
    { user_id: "u-1", user: { name: "<b>Ann</b> \u202e안" }, body: "one" },
    { user_id: "u-2", user: { name: "שלום" }, body: "two" },
    { user_id: "u-3", user: { name: "x".repeat(300) }, body: "three" },
    { user_id: "u-4", user: { name: 7 }, body: "four" },
  );
  await page.locator("#rows .message", { hasText: "four" }).waitFor();
  assert.deepEqual(await page.locator("#rows .who").allTextContents(), ["<b>Ann</b> 안", "שלום", "x".repeat(64), "u-4"]);
  assert.deepEqual(await page.locator("#rows .who").evaluateAll((all) => all.map((e) => [e.childElementCount, getComputedStyle(e).unicodeBidi, (e as HTMLElement).title])), [
    [0, "isolate", "u-1"], [0, "isolate", "u-2"], [0, "isolate", "u-3"], [0, "isolate", ""],
  ]);
  assert.ok(await page.evaluate(() => [...document.querySelectorAll("#rows li")].every((e) => e.scrollWidth <= e.clientWidth)));
  made.say({ t: "recalled", seq: 1, by: "u-1", user_id: "u-1", id: "~1", ts: Date.now() });
  await page.locator("#rows .note", { hasText: "<b>Ann</b> 안 recalled a message" }).waitFor();
  await page.context().close();
});
