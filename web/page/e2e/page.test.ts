// The page by itself, in a simulated room: layout, keyboard, storm.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { alone } from "./alone.js";
import { comes, desktop, focused, frames, moving, phone, shoot } from "./browser.js";

const there = alone();

const demo = (rate: number) => `${there.url}?demo=1&rate=${rate}`;
const rows = (page: Page, n: number) => page.waitForFunction((n) => document.querySelectorAll("#rows .message").length > n, n);
const scroll = (page: Page) => page.evaluate(() => {
  const log = document.getElementById("log")!;
  return { top: log.scrollTop, below: log.scrollHeight - log.scrollTop - log.clientHeight };
});

/** wheel turns the wheel over the list, and returns where that came to rest. */
async function wheel(page: Page, by: number): Promise<number> {
  await page.hover("#log");
  await page.mouse.wheel(0, by);
  return page.evaluate(async () => {
    const log = document.getElementById("log")!;
    for (let still = 0, top = log.scrollTop; still < 10; still = log.scrollTop === top ? still + 1 : 0, top = log.scrollTop) await new Promise(requestAnimationFrame);
    return log.scrollTop;
  });
}

/** fresh waits until n messages more than now are shown to be new. */
async function fresh(page: Page, n: number): Promise<void> {
  await page.locator("#pill").waitFor();
  await page.evaluate((n) => new Promise<void>((done) => {
    const pill = document.getElementById("pill")!, count = () => Number(/[\d,]+/.exec(pill.textContent!)![0].replaceAll(",", "")), want = count() + n;
    new MutationObserver((_, observer) => {
      if (count() < want) return;
      observer.disconnect();
      done();
    }).observe(pill, { childList: true });
  }), n);
}

for (const [name, device] of [["desktop", desktop], ["phone", phone]] as const) {
  test(`${name}: everything is on the screen, nothing sticks out, in light and in dark`, async () => {
    const page = await there.pages.open(demo(5), { ...device, ...moving }), { width, height } = device.viewport;
    await rows(page, 5);
    for (const scheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme: scheme });
      for (const id of ["title", "state", "change", "fly", "tune", "theme", "video", "sky", "online", "likes", "log", "say", "send", "like"]) {
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

for (const [name, device] of [["desktop", desktop], ["phone", phone]] as const) {
  test(`${name}: a storm of 1,000 a second: it says what it leaves out, its elements stay few, and it still answers`, async () => {
    const page = await there.pages.open(demo(1000), { ...device, ...moving });
    // Of late: the storm has been there for a while.
    await page.waitForFunction(() => /^[89]\d\d|^1,\d{3}/.test(document.getElementById("sample")!.textContent!));
    await page.focus("#say");
    await page.keyboard.type("am I heard?");
    const heard = await comes(page, "#rows .mine", "am I heard?");
    await page.keyboard.press("Enter");
    await heard();
    assert.match((await page.textContent("#sample"))!, /\/s · showing 1 of [\d,]+$/);
    assert.match((await page.textContent("#listSample"))!, /the list shows 1 of [\d,]+$/);
    const most = await frames(page, 60);
    assert.ok(most.elements < 500 && most.rows < 100, JSON.stringify(most));
    assert.ok((await scroll(page)).below <= 4);
    await shoot(page, `${name}-storm`);
    await page.context().close();
  });
}

test("who reads further up is not moved, hears how much is new, and comes back", async () => {
  const page = await there.pages.open(demo(20));
  await rows(page, 20);
  await wheel(page, -400);
  const read = () => page.evaluate(() => {
    const log = document.getElementById("log")!.getBoundingClientRect();
    const row = [...document.querySelectorAll("#rows li")].find((e) => e.getBoundingClientRect().top >= log.top)!;
    return `${Math.round(row.getBoundingClientRect().top)} ${row.textContent}`;
  });
  const before = await read();
  await fresh(page, 5);
  assert.equal(await read(), before);
  assert.match((await page.textContent("#pill"))!, /^[\d,]+ new messages$/);
  await page.click("#pill");
  await page.locator("#pill").waitFor({ state: "hidden" });
  assert.ok((await scroll(page)).below <= 4);
  await page.context().close();
});

test("older messages come in above without moving what is read", async () => {
  const page = await there.pages.open(demo(5));
  await rows(page, 12);
  assert.ok((await wheel(page, -3000)) > 1000, "what was at the top is not far down now");
  const read = () => page.evaluate(() => document.elementFromPoint(innerWidth - 200, innerHeight / 2)!.closest("li")?.textContent);
  const before = await read();
  await fresh(page, 5);
  assert.equal(await read(), before);
  for (let turns = 0; (await wheel(page, -9000)) > 0; turns++) assert.ok(turns < 50, "there is no end to what is older");
  await fresh(page, 5);
  assert.equal((await scroll(page)).top, 0); // At the beginning, and there for good.
  const oldest = Date.parse((await page.locator("#rows time").first().getAttribute("datetime"))!);
  assert.ok(Date.now() - oldest > 190 * 7000, "the oldest message is not there"); // The demo has 200, 7 s apart.
  await page.context().close();
});

test("by keyboard alone: everything can be reached and used, and the focus is never lost", async () => {
  const page = await there.pages.open(demo(1), { ...desktop, ...moving });
  assert.equal(await focused(page), "say");
  await page.keyboard.type("typed");
  await page.keyboard.press("Enter");
  await page.locator("#rows .mine").waitFor();
  const seen: unknown[] = [], want = ["send", "like", "change", "fly", "tune", "theme", "tool language", "rate", "log", "say"];
  // Beside these, between the last element and the first: Chromium's own frame.
  for (let i = 0; i <= want.length + 5 && seen.at(-1) !== "say"; i++) {
    await page.keyboard.press("Tab");
    seen.push(await focused(page));
  }
  assert.deepEqual(seen.filter((id) => id !== "BODY"), want, "the list is one stop, whatever stands in it");
  await page.keyboard.press("Shift+Tab");
  // Others have sent something since.
  for (let i = 0; i < 60 && (await focused(page)) !== "recall"; i++) await page.keyboard.press("ArrowUp");
  assert.equal(await page.locator(":focus").getAttribute("aria-label"), "Recall your message “typed”");
  await page.keyboard.press("Enter");
  await page.locator("#rows .note", { hasText: "You recalled a message" }).waitFor();
  assert.equal(await focused(page), "log");
  const likes = await page.getAttribute("#like", "aria-label");
  await page.focus("#like");
  // A press that comes late begins anew.
  for (let i = 0; i < 30 && (await page.textContent("#combo")) !== "+3"; i++) await page.keyboard.press("Space");
  assert.notEqual(await page.getAttribute("#like", "aria-label"), likes);
  assert.equal(await page.textContent("#combo"), "+3");
  await page.focus("#theme");
  await page.keyboard.press("Enter");
  assert.equal(await page.getAttribute("#theme", "aria-pressed"), "true");
  assert.equal(await page.getAttribute("html", "data-theme"), "dark");
  await page.focus("#change");
  await page.keyboard.press("Enter");
  await page.locator("#door[open]").waitFor();
  assert.equal(await page.locator(":focus").getAttribute("name"), "name");
  await page.keyboard.press("Escape");
  await page.locator("#door").waitFor({ state: "hidden" });
  assert.equal(await focused(page), "change", "the door does not give the focus back");
  await page.context().close();
});

test("every control has a name, in the language of the browser and in the other", async () => {
  const page = await there.pages.open(demo(1), { ...desktop, ...moving, locale: "zh-CN" });
  assert.equal(await page.getAttribute("html", "lang"), "zh-CN");
  await page.locator("#state", { hasText: "直播中" }).waitFor();
  const names = () => page.evaluate(() => [...document.querySelectorAll<HTMLElement>("main button, header button, #log")].filter((e) => !e.hidden).map((e) => e.ariaLabel || e.textContent?.trim()));
  const chinese = await names();
  assert.ok(chinese.every(Boolean), chinese.join(", "));
  await page.click("header .language");
  // Rows are made anew in the next frame.
  await page.locator("#rows .answer[aria-label^='Answer ']").first().waitFor({ state: "attached" });
  const english = await names();
  assert.ok(english.every(Boolean) && english.every((name, i) => name !== chinese[i] || name === "you" || name === "你"), english.join(", "));
  await page.reload();
  await page.locator("#state", { hasText: "Live" }).waitFor();
  await page.context().close();
});

test("who wants no motion gets none: no comment flies, the picture stands still", async () => {
  const page = await there.pages.open(demo(100), { ...desktop, reducedMotion: "reduce" });
  await rows(page, 12);
  const look = () => page.evaluate(() => ["video", "sky"].map((id) => (document.getElementById(id) as HTMLCanvasElement).toDataURL()));
  const first = await look();
  await page.click("#like");
  await frames(page, 30);
  assert.deepEqual(await look(), first);
  assert.equal(await page.locator("#hearts span").count(), 0);
  assert.ok(await page.evaluate(() => {
    const { width, height } = document.getElementById("sky") as HTMLCanvasElement;
    return (document.getElementById("sky") as HTMLCanvasElement).getContext("2d")!.getImageData(0, 0, width, height).data.every((x) => x === 0);
  }));
  await page.context().close();
});

test("a screen reader finds its way, in both languages", async () => {
  for (const [locale, name] of [
    ["en-US", { log: "Messages", say: "Your message", send: "Send", like: /^Like, [\d,]+ so far$/, fly: "Flying comments", theme: "Dark colours", video: /^A concert stage/, title: "Simulated room", state: "Live" }],
    ["zh-CN", { log: "消息", say: "你的消息", send: "发送", like: /^点赞，已有 [\d,]+ 个$/, fly: "弹幕", theme: "深色", video: /演唱会/, title: "模拟房间", state: "直播中" }],
  ] as const) {
    const page = await there.pages.open(demo(5), { ...desktop, ...moving, locale });
    await rows(page, 12);
    await Promise.all([
      page.getByRole("banner").getByRole("heading", { level: 1, name: name.title }).waitFor(),
      page.getByRole("banner").getByRole("status").filter({ hasText: name.state }).waitFor(),
      page.getByRole("main").getByRole("region", { name: name.title }).getByRole("img", { name: name.video }).waitFor(),
      page.getByRole("log", { name: name.log }).getByRole("list").getByRole("listitem").first().waitFor(),
      page.getByRole("textbox", { name: name.say }).waitFor(),
      page.getByRole("button", { name: name.send, exact: true }).waitFor(),
      page.getByRole("button", { name: name.like }).waitFor(),
      page.getByRole("button", { name: name.fly, pressed: true }).waitFor(),
      page.getByRole("button", { name: name.theme, pressed: false }).waitFor(),
    ]);
    assert.equal(await page.getAttribute("#log", "aria-live"), "off", "the list would be read as it comes");
    assert.equal(await page.getAttribute("#heard", "aria-live"), "polite");
    await page.context().close();
  }
});

test("a screen reader hears one sentence in four seconds of a storm, and each message of a calm room", async () => {
  for (const [rate, least, most, sentence] of [[1000, 2, 3, /^[\d,]+ new messages\. [^:]+: ./], [0.25, 1, 3, /^[^:]+: ./]] as const) {
    const page = await there.pages.open(demo(rate), { ...desktop, reducedMotion: "reduce" }, (page) => page.clock.install());
    await page.clock.pauseAt(Date.now() + 60_000); // From here on the page has the time that we give it.
    await page.evaluate(() => {
      const heard = document.getElementById("heard")!, said: string[] = Object.assign(window, { said: [] }).said;
      new MutationObserver(() => said.push(heard.textContent!)).observe(heard, { childList: true });
    });
    await page.clock.runFor(9000);
    const said = await page.evaluate(() => (window as unknown as { said: string[] }).said);
    assert.ok(said.length >= least && said.length <= most, `${rate}/s: ${said.join(" | ")}`);
    for (const words of said) assert.ok(sentence.test(words) && words.length < 300, words);
    await page.context().close();
  }
});

test("the door asks for room and name, says what is wrong with them, and remembers them", async () => {
  const page = await there.pages.open(there.url);
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
