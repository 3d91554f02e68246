// Emotes over a real node: pictures of a folder in messages, in what flies, and to choose from.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser, BrowserContextOptions, Locator, Page } from "playwright-core";
import { findings } from "./axe.js";
import { desktop, launch, moving, Pages } from "./browser.js";
import { Node } from "./node.js";

/** red is a picture of one red point. */
const red = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC", "base64");

/** wide is one of three blue points side by side. */
const wide = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAMAAAABCAIAAACUgoPjAAAADUlEQVR42mNgYPgPQQAL/gL+TpOL7gAAAABJRU5ErkJggg==", "base64");

const folder = mkdtempSync(join(tmpdir(), "barrage-emotes-"));
let browser: Browser, pages: Pages, node: Node;
before(async () => {
  for (const [name, picture] of [["gg", red], ["hype", red], ["wide", wide]] as const) writeFileSync(join(folder, `${name}.png`), picture);
  [browser, node] = await Promise.all([launch(), Node.start(undefined, { BARRAGE_SERVER_EMOTES: folder })]);
  pages = new Pages(browser);
});
after(async () => {
  await browser.close();
  await node.kill();
  rmSync(folder, { recursive: true });
  assert.deepEqual(pages.errors, []);
});

/** flies waits until there is red in a sky: the picture flies. */
async function flies(sky: Locator): Promise<void> {
  await sky.page().waitForFunction((sky) => {
    const { data } = (sky as HTMLCanvasElement).getContext("2d")!.getImageData(0, 0, (sky as HTMLCanvasElement).width, (sky as HTMLCanvasElement).height);
    for (let i = 0; i < data.length; i += 4) if (data[i]! > 240 && data[i + 1]! < 15 && data[i + 2]! < 15 && data[i + 3]! > 240) return true;
    return false;
  }, await sky.elementHandle());
}

test("an emote is chosen, said, shown and flies, on the page and on the overlay; a name that is none stays a text", async () => {
  const page = await pages.open(`${node.url}?room=r&name=Mia`, { ...desktop, ...moving });
  await page.locator("#state[data-state=open]").waitFor();
  await page.locator("#smile").click();
  await page.getByRole("button", { name: "Emote gg" }).click();
  assert.equal(await page.inputValue("#say"), ":gg: ");
  assert.deepEqual(await findings(page), []);
  await page.keyboard.type("<b>::hype: :no:");
  await page.keyboard.press("Enter");
  const body = page.locator("#rows .mine .body");
  await body.waitFor();
  assert.deepEqual(await body.locator("img").evaluateAll((all) => all.map((e) => (e as HTMLImageElement).alt)), [":gg:", ":hype:"]);
  assert.equal(await body.textContent(), " <b>: :no:");
  await page.waitForFunction(() => [...document.querySelectorAll<HTMLImageElement>("#rows .emote")].every((e) => e.naturalWidth === 1), undefined);
  await page.fill("#say", ":gg: again");
  await page.keyboard.press("Enter");
  await flies(page.locator("#sky"));

  const overlay = await pages.open(`${node.url}overlay?room=r&style=both`, { ...desktop, ...moving });
  const drawn = overlay.locator(".barrage-text img");
  await drawn.nth(2).waitFor(); // Of earlier messages, when the node has listed its emotes.
  assert.deepEqual(await drawn.evaluateAll((all) => all.map((e) => (e as HTMLImageElement).alt)), [":gg:", ":hype:", ":gg:"]);
  assert.deepEqual(await overlay.locator(".barrage-text").allTextContents(), [" <b>: :no:", " again"]);
  await overlay.waitForFunction(() => [...document.querySelectorAll<HTMLImageElement>(".barrage-emote")].every((e) => e.naturalWidth === 1 && e.clientHeight > 10));
  for (const said of [":gg: once", ":gg: more"]) { // The first has the sky ask for the picture.
    await page.fill("#say", said);
    await page.keyboard.press("Enter");
    await overlay.locator(".barrage-text", { hasText: said.slice(5) }).waitFor();
  }
  await flies(overlay.locator(".barrage-sky"));
  await Promise.all([page, overlay].map((p) => p.context().close()));
});

/** login is a token of the node's. */
async function login(): Promise<string> {
  const answer = await fetch(`${node.url}v1/login`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ user_id: "Mia", password: "any" }) });
  return ((await answer.json()) as { token: string }).token;
}

/**
 * elsewhere is a page of another origin with a <barrage-room> in it, whose policy allows what web/client/README.md
 * says.
 */
async function elsewhere(options: BrowserContextOptions, look: string): Promise<Page> {
  const at = node.url.slice(0, -1), token = await login(), site = createServer((_, response) => response.writeHead(200, {
    "Content-Type": "text/html", "Content-Security-Policy": `default-src 'none'; style-src 'unsafe-inline'; script-src ${at}; connect-src ${at} ${at.replace("http", "ws")}; img-src ${at}`,
  }).end(`<!doctype html><script type="module" src="${at}/barrage-room.mjs"></script>
    <div style="position: relative; height: 500px; background: #000"><barrage-room room="elsewhere" url="${at}" user-id="Mia" token="${token}" look="${look}" style="position: absolute; inset: 0"></barrage-room></div>`));
  await new Promise<void>((done) => site.listen(0, "127.0.0.1", done));
  const page = await pages.open(`http://127.0.0.1:${(site.address() as AddressInfo).port}/`, { ...desktop, ...options }, async (page) => { await page.route("**/favicon.ico", (route) => route.abort()); });
  site.close();
  return page;
}

/** speak has the element send something, once it is in its room. */
function speak(page: Page, text: string): Promise<unknown> {
  return page.locator("barrage-room").evaluate(async (e, text) => {
    const { live } = e as HTMLElement & { live: { state: { name: string }; send: (body: string) => Promise<unknown> } };
    return live.send(text);
  }, text);
}

test("the element on a page of another origin has the emotes of its node, in lines and in what flies; who wants no motion reads them", async () => {
  const page = await elsewhere(moving, "both"), text = page.locator(".barrage-text"), drawn = text.locator("img");
  await page.waitForFunction(() => (document.querySelector("barrage-room") as { live?: { state: { name: string } } } | null)?.live?.state.name === "open");
  await speak(page, ":gg: once, :no: and :wide:");
  await drawn.nth(1).waitFor();
  assert.deepEqual(await drawn.evaluateAll((all) => all.map((e) => (e as HTMLImageElement).alt)), [":gg:", ":wide:"]);
  assert.equal(await text.textContent(), " once, :no: and ");
  await page.waitForFunction((all) => (all as HTMLImageElement[]).every((e) => e.naturalWidth > 0), await drawn.first().evaluateHandle((first) => [...(first.getRootNode() as ShadowRoot).querySelectorAll("img")]));
  const boxes = await drawn.evaluateAll((all) => all.map((e) => e.clientWidth / e.clientHeight));
  assert.ok(Math.abs(boxes[0]! - 1) < 0.1 && Math.abs(boxes[1]! - 3) < 0.2, `in lines pictures are ${boxes.join(", ")} times as wide as high`);
  await speak(page, ":gg::wide: asks the sky for the pictures");
  await speak(page, ":gg: again");
  await flies(page.locator(".barrage-sky"));
  await page.context().close();

  const still = await elsewhere({}, "fly");
  const canvases = still.locator(".barrage-text canvas.barrage-emote");
  await canvases.nth(4).waitFor(); // No picture moves that is one.
  assert.deepEqual(await canvases.evaluateAll((all) => all.map((e) => [e.role, e.ariaLabel, e.clientHeight > 10, [...(e as HTMLCanvasElement).getContext("2d")!.getImageData(0, 0, 1, 1).data].join()])),
    ["gg", "wide", "gg", "wide", "gg"].map((name) => ["img", `:${name}:`, true, name === "gg" ? "255,0,0,255" : "0,0,255,255"]));
  assert.deepEqual(await still.locator(".barrage-sky").evaluate((e) => e.clientHeight), 0);
  await still.context().close();

  const chooses = await pages.open(`${node.url}?room=elsewhere&name=Ann`); // As all pages here that are not moving.
  await chooses.locator("#state[data-state=open]").waitFor();
  await chooses.locator("#smile").click();
  await chooses.locator("#emotes canvas").nth(2).waitFor();
  await chooses.locator("#rows canvas.emote").nth(4).waitFor();
  assert.equal(await chooses.locator("#emotes img, #rows img").count(), 0);
  assert.deepEqual(await findings(chooses), []);
  await chooses.context().close();
});

/** blue waits until there is blue in a sky, and says how many times as wide as high it is. */
async function blue(sky: Locator): Promise<number> {
  const ratio = await sky.page().waitForFunction((sky) => {
    const { width, height } = sky as HTMLCanvasElement, { data } = (sky as HTMLCanvasElement).getContext("2d")!.getImageData(0, 0, width, height);
    const is = (x: number, y: number) => { const i = 4 * (y * width + x); return x >= 0 && data[i]! < 15 && data[i + 1]! < 15 && data[i + 2]! > 240 && data[i + 3]! > 240; };
    for (let y = 0; y < height; y++) for (let x = 0; x < width - 200; x++) {
      if (!is(x, y) || !is(x + 1, y + 5)) continue; // All of it is in the sky, and this is its corner.
      let wide = 0, high = 0;
      while (is(x + wide + 2, y + 5)) wide++;
      while (is(x + 2, y + high)) high++;
      return wide / high;
    }
    return 0;
  }, await sky.elementHandle());
  return ratio.jsonValue();
}

test("a refusal is no list of emotes: the node is asked again after a minute; and a picture in the sky is as wide as it is", async () => {
  let asked = 0;
  const page = await pages.open(`${node.url}overlay?room=sky&style=both`, { ...desktop, ...moving }, async (page) => {
    await page.clock.install();
    await page.route("**/emotes", (route) => ++asked === 1 ? route.fulfill({ status: 429, json: { error: { code: "rate_limited" } } }) : route.continue());
  });
  const token = await login();
  const say = async (id: string, body: string) => {
    const { status } = await fetch(`${node.url}v1/rooms/sky/messages?user_id=Mia`, { method: "POST", headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` }, body: JSON.stringify({ id, body }) });
    assert.equal(status, 201);
    await page.locator(".barrage-text", { hasText: id }).waitFor();
  };
  await say("first", "first :error: :wide:");
  await say("second", "second :error:");
  assert.equal(await page.locator(".barrage-text img").count(), 0);
  await page.clock.fastForward(61_000);
  await say("third", "third :wide:");
  await page.locator(".barrage-text img").nth(1).waitFor();
  assert.equal(await page.locator(".barrage-text", { hasText: "first" }).textContent(), "first :error: ");
  await say("fourth", ":wide: fourth");
  await page.waitForFunction(() => [...document.querySelectorAll("img")].every((e) => e.naturalWidth === 3));
  await say("fifth", ":wide: fifth");
  const ratio = await blue(page.locator(".barrage-sky"));
  assert.ok(ratio > 2.5 && ratio < 3.5, `it is ${ratio} times as wide as high`);
  assert.equal(asked, 2);
  await say("many", `many ${":wide:".repeat(60)}`);
  assert.equal(await page.locator(".barrage-text", { hasText: "many" }).locator("img").count(), 50);
  assert.equal(await page.locator(".barrage-text", { hasText: "many" }).textContent(), `many ${":wide:".repeat(10)}`);
  await page.context().close();
});
