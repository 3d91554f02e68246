// Emotes over a real node: pictures of a folder in messages, in what flies, and to choose from.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { findings } from "./axe.js";
import { desktop, launch, moving, Pages } from "./browser.js";
import { Node } from "./node.js";

/** red is a picture of one red point. */
const red = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC", "base64");

const folder = mkdtempSync(join(tmpdir(), "barrage-emotes-"));
let browser: Browser, pages: Pages, node: Node;
before(async () => {
  for (const name of ["gg", "hype"]) writeFileSync(join(folder, `${name}.png`), red);
  [browser, node] = await Promise.all([launch(), Node.start(undefined, { BARRAGE_SERVER_EMOTES: folder })]);
  pages = new Pages(browser);
});
after(async () => {
  await browser.close();
  await node.kill();
  rmSync(folder, { recursive: true });
  assert.deepEqual(pages.errors, []);
});

/** isRed says in a page whether there is red in a sky: the picture flies. */
function isRed(selector: string): boolean {
  const sky = document.querySelector<HTMLCanvasElement>(selector)!, { data } = sky.getContext("2d")!.getImageData(0, 0, sky.width, sky.height);
  for (let i = 0; i < data.length; i += 4) if (data[i]! > 240 && data[i + 1]! < 15 && data[i + 2]! < 15 && data[i + 3]! > 240) return true;
  return false;
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
  await page.waitForFunction(isRed, "#sky");

  const overlay = await pages.open(`${node.url}overlay?room=r&style=both`, { ...desktop, ...moving });
  const drawn = overlay.locator(".barrage-text img");
  await drawn.nth(2).waitFor(); // Of what was said before, when the node has said what it has.
  assert.deepEqual(await drawn.evaluateAll((all) => all.map((e) => (e as HTMLImageElement).alt)), [":gg:", ":hype:", ":gg:"]);
  assert.deepEqual(await overlay.locator(".barrage-text").allTextContents(), [" <b>: :no:", " again"]);
  await overlay.waitForFunction(() => [...document.querySelectorAll<HTMLImageElement>(".barrage-emote")].every((e) => e.naturalWidth === 1 && e.clientHeight > 10));
  for (const said of [":gg: once", ":gg: more"]) { // The first has the sky ask for the picture.
    await page.fill("#say", said);
    await page.keyboard.press("Enter");
    await overlay.locator(".barrage-text", { hasText: said.slice(5) }).waitFor();
  }
  await overlay.waitForFunction(isRed, ".barrage-sky");
  await Promise.all([page, overlay].map((p) => p.context().close()));
});
