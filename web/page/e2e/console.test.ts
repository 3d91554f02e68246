// The console: its states, keys, texts and looks. The node is made up here; moderator.test.ts has real ones.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { BrowserContextOptions, Page, Route } from "playwright-core";
import { alone } from "./alone.js";
import { findings } from "./axe.js";
import { desktop, phone, shoot } from "./browser.js";

const there = alone();

/** Backend is the made-up node of one page. */
interface Backend {
  page: Page;
  /** say adds messages. */
  say: (...bodies: (string | object)[]) => void;
  /** answers are what calls are answered with, by the end of their address; a number is a refusal. */
  answers: Record<string, unknown>;
  /** calls are what was posted. */
  calls: { path: string; body: Record<string, unknown> }[];
  /** down has nothing answer. */
  down: boolean;
  seq: number;
}

const modes = { v: "1-a", slow_ms: 0, frozen: false, who: "all", tags: [], min_level: 0, first_delay_ms: 0, dup_s: 0, unique_s: 0, links: "allow", emote_only: false, max_caps: 0, review: "off", pinned: null, cleared: 0 };
const codes: Record<number, string> = { 401: "unauthenticated", 403: "forbidden", 404: "not_found", 503: "unavailable" };
const minutes = (n: number) => Date.now() + n * 60_000;

async function enter(device: BrowserContextOptions, room = "live-1", prepare: (b: Backend) => void = () => {}): Promise<Backend> {
  const messages: Record<string, unknown>[] = [];
  const figures = { online: 12_345, rate: 26.4, level: 0, wanted: 0, shown: 0 };
  const b: Backend = {
    page: undefined!, calls: [], down: false, seq: 0,
    say: (...bodies) => {
      for (const body of bodies) {
        b.seq++;
        messages.push({ seq: b.seq, kind: "chat", user_id: ["Eve", "bob", "小明", "carol"][b.seq % 4], body, ts: Date.now(), id: `c-${b.seq}`, ...(typeof body === "object" ? body : {}) });
      }
    },
    answers: {
      "/v1/admin/rooms": { rooms: [{ room: "live-1", ...figures, modes: ["slow_ms"] }, { room: "cats", ...figures, online: 873, rate: 4.2, wanted: 900, shown: 200 }, { room: "深夜食堂", ...figures, online: 1, rate: 0, modes: ["frozen", "links"] }], nodes: ["n"], silent: [] },
      "/rooms/live-1": figures,
      "/mod": { modes, users: [] },
      "/mod/held": { held: [] },
      "/mod/log": { entries: [] },
    },
  };
  prepare(b);
  b.page = await there.pages.open(`${there.url}console${room ? `#room=${room}` : ""}`, device, async (page) => { await page.route(/\/v1\/admin\//, (route) => answer(route, b, messages)); });
  return b;
}

async function answer(route: Route, b: Backend, messages: object[]): Promise<void> {
  const url = new URL(route.request().url()), path = decodeURIComponent(url.pathname), data = route.request().postData();
  if (b.down) return route.abort();
  if (route.request().method() === "POST") b.calls.push({ path, body: JSON.parse(data || "{}") as Record<string, unknown> });
  const key = Object.keys(b.answers).filter((end) => `${route.request().method()} ${path}`.endsWith(end)).sort((a, b) => b.length - a.length)[0], found = key === undefined ? undefined : b.answers[key];
  if (typeof found === "number") return route.fulfill({ status: found, json: { error: { code: codes[found], message: `refused with ${found}` } } });
  if (route.request().method() === "POST") return route.fulfill({ json: path.endsWith("/test") ? found : { verb: "x", n: 3, v: "" } });
  const of = url.searchParams.get("user");
  if (path.endsWith("/messages")) return route.fulfill({ json: { epoch: "e", seq: b.seq, total: b.seq, messages: messages.filter((m) => !of || (m as { user_id: string }).user_id === of).slice(-60) } });
  return route.fulfill(found === undefined ? { status: 404, json: { error: { code: "not_found", message: "no" } } } : { json: found });
}

/** busy is a room with everything in it. */
function busy(b: Backend): void {
  b.say("first!", "前方高能", "that riff 🔥🔥🔥", "أهلا وسهلا بالجميع", "I was at the show in May, and this one is even better: the lights, the sound, the crowd, everything comes together tonight", "666", { body: "a rose", kind: "gift", user_id: "mia" },
    { body: "welcome, everybody", user_id: "ann", user: { name: "Ann", role: "moderator" } }, "再来一首！", { body: "buy followers at example.test", user_id: "bob" }, "encore! encore!", "hello from Lisbon", "泪目", "what a voice", "第一次看现场", "who else is here?");
  b.answers["/mod/held"] = { held: [
    { held: "h-1", state: "waiting", user_id: "bob", id: "x", why: "filter", until: minutes(50), messages: [{ seq: 0, kind: "chat", user_id: "bob", body: "rats, it is over", ts: Date.now(), id: "x" }] },
    { held: "h-2", state: "waiting", user_id: "Eve", id: "y", why: "review", until: minutes(55), messages: [{ seq: 0, kind: "chat", user_id: "Eve", body: "see https://example.test for cheap followers", ts: Date.now(), id: "y", ext: { gift: "rats" } }] },
  ] };
  const measures = [
    { user_id: "bob", what: "mute", until: minutes(9), reason: "calm down", by: "oncall", at: Date.now() }, { user_id: "troll-7", what: "ban", until: 253402300799000, reason: "spam", by: "carol", at: Date.now() },
    { user_id: "ann", what: "role", role: "moderator", until: minutes(3000), reason: "", by: "this machine", at: Date.now() },
  ];
  b.answers["/mod"] = { modes: { ...modes, slow_ms: 5000, links: "deny" }, users: measures };
  b.answers["/users/bob"] = { user: "bob", nodes: [{ node: "4G233R2LWEWB", n: 1, sockets: [{ room: "live-1", since: Date.now() - 600_000, address: "203.0.113.7/32", role: "viewer", guest: false, can: ["read"] }] }], rooms: ["live-1"], measures: [{ room: "live-1", ...measures[0] }], silent: [] };
  b.answers["/mod/log"] = { entries: [
    { id: "C", at: Date.now() - 60_000, by: "oncall", role: "server", via: "admin", verb: "mute", target: "bob", until: minutes(9), reason: "calm down" }, { id: "B", at: Date.now() - 200_000, by: "carol", role: "moderator", via: "socket", verb: "delete", target: "bob", seq: 7, n: 1 },
    { id: "A", at: Date.now() - 800_000, by: "oncall", role: "server", via: "admin", verb: "modes", modes: { slow_ms: 5000 } },
  ] };
}

const dark = { colorScheme: "dark" } as const, chinese = { locale: "zh-CN" } as const;

for (const [name, device] of [["desktop", desktop], ["desktop-dark-zh", { ...desktop, ...dark, ...chinese }], ["phone-zh", { ...phone, ...chinese }], ["phone-dark", { ...phone, ...dark }]] as const) {
  test(`every view, ${name}`, async () => {
    const b = await enter(device, "live-1", busy), { page } = b;
    await page.locator("article").nth(15).waitFor();
    await page.waitForTimeout(300);
    await shoot(page, `console-${name}`);
    await page.locator("article", { hasText: "buy followers" }).click();
    await shoot(page, `console-${name}-chosen`);
    await page.locator("article", { hasText: "buy followers" }).locator(".name").click();
    await page.locator("nav [data-view=user]").click();
    await page.locator("#card").waitFor().catch(() => {});
    await shoot(page, `console-${name}-user`);
    for (const view of ["room", "words", "log", "held", ...(device.viewport.width < 700 ? ["rooms"] : [])]) {
      await page.locator(`nav [data-view=${view}]`).click();
      if (view === "words") {
        b.answers["/filter/test"] = { action: "mask", text: "oh **** you", tags: ["rude"], hits: [{ list: "spam", line: 3, term: "darn", action: "mask", tags: ["rude"], start: 3, end: 7, haystack: "text", allowed: "" }] };
        await page.fill("#text", "oh darn you");
        await page.locator("#test button").click();
        await page.locator("#verdict .say").waitFor();
      }
      await shoot(page, `console-${name}-${view}`);
      if (name === "desktop" || name === "phone-dark") assert.deepEqual(await findings(page), [], view);
    }
    await page.context().close();
  });
}

const keys = async (page: Page, ...all: string[]) => { for (const key of all) await page.keyboard.press(key); };
const posted = async (b: Backend, n: number) => {
  const from = Date.now();
  while (b.calls.length < n && Date.now() - from < 10_000) await b.page.waitForTimeout(20);
  return b.calls.map(({ path, body }) => [path.slice("/v1/admin/rooms/live-1".length), body["verb"], body["user_id"] ?? body["seq"] ?? body["held"]]);
};

test("one key each: choose, delete, mute and take it back, ban after a question, purge, the user's card", async () => {
  const b = await enter(desktop, "live-1", busy), { page } = b;
  await page.locator("article").nth(15).waitFor();
  assert.equal(await page.locator(".act:enabled").count(), 0, "nothing is chosen");
  await page.focus("#feed");
  await keys(page, "k", "k", "k", "j");
  assert.equal(await page.locator("article[aria-current]").textContent().then((s) => s!.includes("第一次看现场")), true);
  assert.match(await page.evaluate(() => getComputedStyle(document.activeElement!).outlineStyle), /solid/, "the focus is seen");
  await keys(page, "d");
  await page.locator(".toast", { hasText: "Message 15 of carol is taken away" }).waitFor();
  await page.locator("article.gone", { hasText: "第一次看现场" }).waitFor();
  await keys(page, "k", "m");
  await page.locator(".toast", { hasText: "is muted for 10 minutes" }).waitFor();
  await keys(page, "z");
  await page.locator(".toast", { hasText: "is not muted any more" }).waitFor();
  await keys(page, "z", "b");
  await page.locator("#ask[open]").waitFor();
  await keys(page, "Escape", "b");
  await page.locator("#ask[open]").waitFor();
  await page.selectOption("#askFor", { label: "1 day" });
  await page.fill("#askReason", "spam");
  await page.check("#askPurge");
  await shoot(page, "console-ask");
  assert.deepEqual(await findings(page), []);
  await page.locator("#askYes").click();
  await page.locator(".toast", { hasText: "is banned" }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.tagName), "ARTICLE", "the focus is back");
  await keys(page, "p");
  await page.locator("#ask[open]").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.id), "askNo", "Enter does nothing grave");
  await page.locator("#askYes").click();
  await page.locator(".toast", { hasText: "3 messages of" }).waitFor();
  await page.locator("article", { hasText: "buy followers" }).click();
  await keys(page, "u");
  await page.locator("#card h3", { hasText: "bob" }).waitFor();
  assert.match((await page.textContent("#card"))!, /203\.0\.113\.7.*buy followers/s);
  assert.deepEqual(await posted(b, 5), [["/mod", "delete", "carol"], ["/mod", "mute", "小明"], ["/mod", "unmute", "小明"], ["/mod", "ban", "小明"], ["/mod", "purge", "小明"]]);
  const ban = b.calls.find(({ body }) => body["verb"] === "ban")!.body;
  assert.deepEqual([ban["for_ms"], ban["reason"], ban["purge"]], [86_400_000, "spam", true]);
  await page.context().close();
});

test("held messages are decided by a click or a key, modes by a choice; a refusal is said and changes nothing", async () => {
  const b = await enter(desktop, "live-1", busy), { page } = b;
  await page.locator("#heldCount", { hasText: "2" }).waitFor();
  assert.deepEqual(await page.locator("li.held small").allTextContents(), ['{"gift":"rats"}'], "what it has besides may be why");
  await page.locator("li.held").first().getByText("Approve").focus();
  const both = b.answers["/mod/held"] as { held: object[] };
  await page.route("**/mod", async (route) => { // an approved message waits no more
    if (route.request().method() === "POST") b.answers["/mod/held"] = { held: both.held.slice(1) };
    await route.fallback();
  }, { times: 1 });
  await keys(page, "a");
  await page.locator("#heldCount", { hasText: "1" }).waitFor();
  // The focus goes to the next one.
  await page.waitForFunction(() => document.activeElement?.closest<HTMLElement>("li.held")?.dataset["held"] === "h-2");
  b.answers["POST /v1/admin/rooms/live-1/mod"] = 404;
  await keys(page, "r");
  await page.locator(".toast.bad", { hasText: "gone already, or somebody else has decided" }).waitFor();
  delete b.answers["POST /v1/admin/rooms/live-1/mod"];
  await page.locator("nav [data-view=room]").click();
  await page.selectOption("#mode-slow_ms", { label: "30 s" });
  await page.locator(".toast", { hasText: "The room goes by it" }).waitFor();
  await page.locator("#measures li", { hasText: "troll-7" }).getByText("Lift").click();
  await page.locator(".toast", { hasText: "troll-7 is not banned any more" }).waitFor();
  assert.deepEqual(await posted(b, 4), [["/mod", "approve", "h-1"], ["/mod", "deny", "h-2"], ["/mod", "modes", undefined], ["/mod", "unban", "troll-7"]]);
  assert.deepEqual(b.calls[2]!.body["modes"], { slow_ms: 30_000 });
  await page.context().close();
});

test("what somebody else decides does not bring the next one under the key or the pointer", async () => {
  const b = await enter(desktop, "live-1", busy), { page } = b, rows = page.locator("li.held");
  await page.locator("#heldCount", { hasText: "2" }).waitFor();
  const two = (b.answers["/mod/held"] as { held: object[] }).held, third = { ...two[1]!, held: "h-3" };
  b.answers["/mod/held"] = { held: [...two, third] };
  await page.locator("#heldCount", { hasText: "3" }).waitFor();
  await rows.first().getByText("Approve").focus();
  b.answers["/mod/held"] = { held: [two[1], third] };
  await page.locator("#heldCount", { hasText: "2" }).waitFor();
  await keys(page, "a", "Enter");
  assert.deepEqual(b.calls, [], "nobody has read the second one");
  await rows.first().getByText("Gone already").waitFor();
  await keys(page, "j");
  assert.equal(await page.evaluate(() => document.activeElement!.closest<HTMLElement>("li.held")!.dataset["held"]), "h-2");
  await page.waitForFunction(() => document.querySelectorAll("li.held").length === 2);
  await rows.last().getByText("Reject").hover();
  const at = await rows.last().boundingBox();
  await page.locator("nav [data-view=log]").focus();
  b.answers["/mod/held"] = { held: [third] };
  await page.locator("#heldCount", { hasText: "1" }).waitFor();
  assert.deepEqual(await rows.last().boundingBox(), at, "what one points at stays there");
  await page.mouse.move(10, 10);
  await page.waitForFunction(() => document.querySelectorAll("li.held").length === 1);
  assert.deepEqual(b.calls, [], "nobody has decided anything");
  await page.context().close();
});

test("a page that nobody sees draws nothing, and catches up at once; an answer that is late is passed over", async () => {
  const b = await enter(desktop, "live-1", (b) => b.say("first")), { page } = b, slow: Route[] = [];
  await page.locator("article", { hasText: "first" }).waitFor();
  const hide = (hidden: boolean) => page.evaluate((hidden) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
  await hide(true);
  b.say(...Array.from({ length: 500 }, (_, i) => `unseen ${i}`));
  await page.locator("#sample", { hasText: "500 messages" }).waitFor();
  assert.equal(await page.locator("article").count(), 1);
  await hide(false);
  await page.locator("article", { hasText: "unseen 499" }).waitFor();
  await page.locator("#feed .note", { hasText: "440 messages not shown" }).waitFor();
  await page.route(/\/messages\?/, (route) => void slow.push(route), { times: 1 });
  while (slow.length === 0) await page.waitForTimeout(50);
  const old = { epoch: "e", seq: b.seq, total: b.seq, messages: [{ seq: b.seq, kind: "chat", user_id: "Eve", body: "unseen 499", ts: Date.now(), id: "x" }] };
  b.say("newest", "newest too");
  await page.evaluate(() => dispatchEvent(new Event("online")));
  await page.locator("article", { hasText: "newest too" }).waitFor();
  await slow[0]!.fulfill({ json: old });
  b.say("last");
  await page.locator("article", { hasText: "last" }).waitFor();
  assert.equal(await page.locator("article", { hasText: "unseen 499" }).count(), 1);
  assert.match((await page.textContent("#sample"))!, /503 messages since/);
  await page.context().close();
});

test("the key that mutes for ten minutes shortens no mute of somebody else", async () => {
  const b = await enter(desktop, "live-1", (b) => {
    busy(b);
    b.answers["/mod"] = { modes, users: [{ user_id: "bob", what: "mute", until: minutes(60), reason: "", by: "carol", at: Date.now() }] };
  }), { page } = b;
  await page.locator("article", { hasText: "buy followers" }).click();
  await page.locator("#measures li", { hasText: "bob" }).waitFor({ state: "attached" });
  await keys(page, "m");
  await page.locator(".toast.bad", { hasText: /^bob is muted for longer than that already \(until .* · carol\)/ }).waitFor();
  assert.deepEqual(b.calls, []);
  await page.context().close();
});

test("what was in force before is not lifted by undoing the same: no undo is offered", async () => {
  const b = await enter(desktop, "live-1", busy), { page } = b;
  await page.locator("article", { hasText: "buy followers" }).click();
  await page.locator("#measures li", { hasText: "bob" }).waitFor({ state: "attached" });
  // Since the page asked last.
  b.answers["/mod"] = { modes, users: [{ user_id: "bob", what: "mute", until: minutes(2), reason: "", by: "carol", at: Date.now() }] };
  await keys(page, "j", "m");
  await page.locator(".toast", { hasText: "carol is muted for 10 minutes" }).getByRole("button").waitFor();
  await keys(page, "k", "m");
  await page.locator(".toast", { hasText: "bob is muted for 10 minutes" }).waitFor();
  assert.equal(await page.locator(".toast", { hasText: "bob is muted for 10 minutes" }).getByRole("button").count(), 0);
  await keys(page, "z", "i"); // The key takes nothing else back in its place; its act came before the pin.
  await page.locator(".toast", { hasText: "pinned" }).waitFor();
  assert.deepEqual((await posted(b, 3)).map(([, verb]) => verb), ["mute", "mute", "pin"]);
  await page.context().close();
});

test("a message is deleted once, however often one clicks", async () => {
  const b = await enter(desktop, "live-1", busy), { page } = b;
  await page.locator("article", { hasText: "buy followers" }).locator(".name").click();
  await page.locator("#card .measure", { hasText: "buy followers" }).getByText("Delete").dblclick();
  await page.locator(".toast", { hasText: "is taken away" }).waitFor();
  // The card was read anew.
  await page.locator("#card .measure", { hasText: "buy followers" }).getByText("Delete").click();
  await page.locator("article[aria-current]", { hasText: "buy followers" }).focus();
  await keys(page, "d", "i");
  await page.locator(".toast", { hasText: "pinned" }).waitFor();
  assert.deepEqual((await posted(b, 2)).map(([, verb]) => verb), ["delete", "pin"]);
  b.answers["POST /v1/admin/rooms/live-1/mod"] = 503; // A refused act may be tried again.
  await page.locator("article", { hasText: "encore" }).click();
  await keys(page, "d");
  await page.locator(".toast.bad").waitFor();
  delete b.answers["POST /v1/admin/rooms/live-1/mod"];
  await keys(page, "d");
  await page.locator("article.gone", { hasText: "encore" }).waitFor();
  await page.context().close();
});

test("undo does not lift what somebody else has done since", async () => {
  const b = await enter(desktop, "live-1", busy), { page } = b;
  const stands = (by: string, until: number) => { b.answers["GET /v1/admin/rooms/live-1/mod"] = { modes, users: [{ user_id: "bob", what: "mute", until, reason: "", by, at: 0 }] }; };
  const nothing = () => { b.answers["GET /v1/admin/rooms/live-1/mod"] = { modes, users: [] }; };
  nothing();
  await page.locator("article", { hasText: "buy followers" }).click();
  await page.route("**/mod", async (route) => { // Its effect stands there.
    if (route.request().method() === "POST") stands("oncall", 600_000);
    await route.fallback();
  });
  await keys(page, "m");
  await page.locator(".toast", { hasText: "bob is muted for 10 minutes" }).getByRole("button").waitFor();
  stands("carol", 86_400_000);
  await keys(page, "z");
  await page.locator(".toast.bad", { hasText: "Somebody else has changed it since." }).waitFor();
  assert.deepEqual((await posted(b, 1)).map(([, verb]) => verb), ["mute"]);
  nothing();
  await keys(page, "m");
  await page.locator(".toast", { hasText: "bob is muted for 10 minutes" }).getByRole("button").waitFor();
  await keys(page, "z");
  assert.deepEqual((await posted(b, 3)).map(([, verb]) => verb), ["mute", "mute", "unmute"]);
  await page.context().close();
});

test("a question that comes right after one that was dismissed has its own answer", async () => {
  const b = await enter(desktop, "live-1", busy), { page } = b;
  await page.locator("article", { hasText: "buy followers" }).click();
  await keys(page, "b");
  await page.evaluate(() => {
    document.querySelector<HTMLElement>("#askNo")!.click();
    document.querySelector<HTMLElement>(".act[data-act=ban]")!.click();
  });
  await page.locator("#askYes").click();
  await page.locator(".toast", { hasText: "bob is banned" }).waitFor();
  await page.context().close();
});

test("what is read anew leaves the focus where it is, and puts it on nobody else's button", async () => {
  const b = await enter(desktop, "live-1", busy), { page } = b, asked = () => page.waitForResponse((r) => r.url().endsWith("/live-1/mod") && r.request().method() === "GET");
  await page.locator("nav [data-view=room]").click();
  const lift = page.locator("#measures li", { hasText: "troll-7" }).getByText("Lift"), focused = () => page.evaluate(() => document.activeElement!.closest("li")?.textContent ?? document.activeElement!.textContent);
  await lift.focus();
  b.answers["/mod"] = { modes, users: (b.answers["/mod"] as { users: object[] }).users.slice(1) };
  await asked();
  await page.locator("#measures li", { hasText: "bob" }).waitFor({ state: "detached" });
  assert.match(await focused(), /^ban troll-7/);
  await page.locator("article", { hasText: "buy followers" }).locator(".name").click();
  await page.locator(".deeds button", { hasText: "Mute" }).focus();
  await page.evaluate(() => { document.querySelector<HTMLElement>(".deeds")!.id = "before"; });
  await page.keyboard.press("Enter");
  await page.locator("#before").waitFor({ state: "detached" });
  assert.match(await focused(), /^Mute/);
  await page.context().close();
});

test("a storm is sampled and says so, counts are exact, rows are bounded, and they stand still while one reads", async () => {
  const b = await enter(desktop), { page } = b;
  await page.locator("#nothing", { hasText: "Nobody has said anything here yet" }).waitFor();
  const storm = setInterval(() => b.say(...Array.from({ length: 100 }, (_, i) => `line ${i}`)), 100);
  b.answers["/rooms/live-1"] = { online: 12_345, rate: 1000, level: 200, wanted: 1200, shown: 1000 };
  await page.locator("#sample", { hasText: /^Showing 1 of [\d,]+ messages/ }).waitFor();
  await page.locator("#meterText", { hasText: "1,000/s stored, 200/s shed of 1,200/s" }).waitFor();
  await page.locator("article").nth(20).waitFor();
  await shoot(page, "console-storm");
  await page.hover("#feed");
  await page.locator("#sample", { hasText: "Held while you point at it" }).waitFor();
  const still = await page.locator("article").last().textContent();
  await page.locator("#sample", { hasText: /\d,\d{3} newer/ }).waitFor();
  assert.equal(await page.locator("article").last().textContent(), still);
  await page.mouse.move(10, 10);
  await page.locator("#feed .note", { hasText: "messages not shown" }).first().waitFor();
  clearInterval(storm);
  await page.locator("#sample", { hasText: `${b.seq.toLocaleString("en")} messages since you opened it` }).waitFor();
  assert.ok(await page.locator("#feed > *").count() <= 120);
  await page.context().close();
});

test("what users write is text that turns nothing around, wherever it stands", async () => {
  const bad = `<img src=x onerror=alert(1)><script>alert(2)</script>`, turned = "\u202egnp.exe";
  const b = await enter(desktop, bad, (b) => {
    b.say({ body: bad, user_id: bad, user: { name: `${turned}<b>` } }, { body: turned, user_id: turned });
    b.answers["/v1/admin/rooms"] = { rooms: [{ room: bad, online: 1, rate: 0, level: 0, wanted: 0, shown: 0 }], silent: [] };
    b.answers["/mod/held"] = { held: [{ held: "h", state: "waiting", user_id: bad, id: "x", why: "filter", until: minutes(5), messages: [{ seq: 0, kind: bad, user_id: bad, body: bad, ts: 1, id: "x" }] }] };
    b.answers["/mod"] = { modes: { ...modes, tags: [bad], pinned: { seq: 1, body: bad } }, users: [{ user_id: bad, what: "mute", until: minutes(5), reason: bad, by: bad, at: 1 }] };
    b.answers["/mod/log"] = { entries: [{ id: "A", at: Date.now(), by: bad, verb: "mute", target: bad, reason: bad }] };
    b.answers["/filter/test"] = { action: "mask", text: bad, tags: [bad], hits: [{ list: bad, line: 1, term: bad, action: "mask", start: 0, end: 4, allowed: "" }] };
  }), { page } = b;
  await page.locator("article").nth(1).waitFor();
  await page.locator("li.held").waitFor();
  await page.locator("article").first().locator(".name").click();
  for (const view of ["room", "log", "words"]) await page.locator(`nav [data-view=${view}]`).click();
  await page.fill("#text", bad);
  await page.locator("#test button").click();
  await page.locator("#verdict mark").waitFor();
  assert.equal(await page.evaluate(() => document.querySelectorAll("img, main script, main b b").length), 0);
  assert.equal(await page.evaluate(() => /[\u202a-\u202e\u2066\u2067]/.test(document.body.textContent!)), false, "nothing turns the page");
  assert.deepEqual(await page.evaluate(() => [...document.querySelectorAll("article .body")].map((e) => getComputedStyle(e).unicodeBidi)), ["isolate", "isolate"]);
  await page.context().close();
});

test("each state says what it is and what to do: no key, a wrong one, one that may not, no Redis, no node, and back", async () => {
  const b = await enter(desktop, "", (b) => { b.answers["/v1/admin/rooms"] = 401; }), { page } = b;
  await page.locator("#door[open]").waitFor();
  assert.deepEqual(await findings(page), []);
  await shoot(page, "console-door");
  await page.fill("#key", "brg_wrong");
  await page.keyboard.press("Enter");
  await page.locator("#doorWhy", { hasText: "does not know this key" }).waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0, "a key that nobody knows is not kept");
  await keys(page, "Escape", "Escape", "Escape");
  await page.locator("#door[open]").waitFor();
  await page.fill("#key", "密钥");
  await page.keyboard.press("Enter");
  assert.ok(await page.locator("#key:invalid").isVisible(), "no header can have that");
  b.answers["/v1/admin/rooms"] = 403;
  await page.fill("#key", "brg_right");
  await page.keyboard.press("Enter");
  await page.locator("#roomsNote", { hasText: "Open a room by its name" }).waitFor();
  assert.deepEqual(await page.evaluate(() => [localStorage.length, sessionStorage.getItem("barrage.console.key")]), [0, "brg_right"]);
  b.answers["/messages"] = 403;
  await page.fill("#which", "live-1");
  await page.keyboard.press("Enter");
  await page.locator("#trouble", { hasText: "This key may not do that: refused with 403 Ask for a key with moderate, rooms, ops" }).waitFor();
  b.answers["/messages"] = 503;
  await page.locator("#retry").click();
  await page.locator("#trouble", { hasText: "Redis does not answer the node" }).waitFor();
  await shoot(page, "console-redis");
  b.down = true;
  await page.locator("#retry").click();
  await page.locator("#trouble", { hasText: "The node does not answer. Nothing you do now arrives." }).waitFor();
  assert.equal(await page.textContent("#link"), "No connection");
  assert.deepEqual(await findings(page), []);
  b.down = false;
  delete b.answers["/messages"];
  b.say("back again");
  await page.locator("#retry").click();
  await page.locator("article", { hasText: "back again" }).waitFor();
  assert.ok(await page.locator("#trouble").isHidden());
  assert.equal(await page.textContent("#link"), "Live");
  await page.context().close();
});
