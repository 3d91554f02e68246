// The README's picture: shots/room.jpg, to be looked at and copied to docs/. `npm run shots readme`. It wants fonts
// with Chinese and emoji.

import { mkdirSync } from "node:fs";
import { test } from "node:test";
import { alone } from "./alone.js";
import { desktop, moving } from "./browser.js";
import { lines } from "./line.js";
import { said, viewer } from "./states.js";

const there = alone();
mkdirSync("shots", { recursive: true });

const cries = ["666", "哈哈哈哈哈", "前方高能！", "encore! encore!", "第一次看现场", "泪目", "声音好棒", "すごい！", "what a voice", "再来一首！", "goosebumps", "打卡打卡", "louder!", "这个灯光绝了", "best stream of the year", "hello from Lisbon"];

test("the README's picture", async () => {
  const { page, batch } = await lines(there)({}, { ...desktop, ...moving, deviceScaleFactor: 1.25 }, undefined, viewer);
  batch(...said.slice(0, -1));
  for (let i = 0; i < 34; i++) { // They come one after the other, as people speak.
    batch({ user_id: `fan-${i}`, body: cries[i % cries.length], kind: i === 20 ? "gift" : "chat" });
    await page.waitForTimeout(150);
  }
  batch(...said.slice(6), { user_id: "Léa", body: "🎁 a rose", kind: "gift" });
  await page.waitForTimeout(1200);
  await page.screenshot({ path: "shots/room.png" });
  await page.screenshot({ path: "shots/room.jpg", type: "jpeg", quality: 74 });
  await page.context().close();
});
