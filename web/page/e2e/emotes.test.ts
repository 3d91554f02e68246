// Emotes over a real node: pictures of a folder in messages, in what flies, and to choose from.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { findings } from "./axe.js";
import { launch, Pages } from "./browser.js";
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

test("an emote is chosen, said, shown and flies; a name that is none stays a text", async () => {
  const page = await pages.open(`${node.url}?room=r&name=Mia`);
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
  await page.waitForFunction(() => { // Its red is in the sky.
    const sky = document.getElementById("sky") as HTMLCanvasElement, { data } = sky.getContext("2d")!.getImageData(0, 0, sky.width, sky.height);
    for (let i = 0; i < data.length; i += 4) if (data[i]! > 240 && data[i + 1]! < 15 && data[i + 2]! < 15 && data[i + 3]! > 240) return true;
    return false;
  });
  await page.context().close();
});
