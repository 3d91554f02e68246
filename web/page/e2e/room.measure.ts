// Frames, long tasks, nodes and memory of the page and the overlay in a simulated room, and what this machine can do at
// all.
// `npm run measure room`; MEASURE_RATES=100,1000 and MEASURE_SECONDS=10 by default.

import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { desktop, launch, moving, Pages, phone, serve } from "./browser.js";
import { report } from "./measuring.js";

const rates = (process.env["MEASURE_RATES"] ?? "100,1000").split(",").map(Number);
const seconds = Number(process.env["MEASURE_SECONDS"] ?? 10);

let browser: Browser, site: { url: string; stop: () => void };
before(async () => { [browser, site] = await Promise.all([launch(), serve()]); });
after(async () => {
  await browser.close();
  site.stop();
});

test("the floor: a page with nothing but one square that moves, by the compositor or by a canvas of the stage's size", async () => {
  for (const [what, body] of [
    ["one element that moves", "<style>i{position:absolute;width:40px;height:40px;background:red;animation:m 2s linear infinite}@keyframes m{to{transform:translateX(900px)}}</style><i></i>"],
    ["one square in a canvas", "<canvas width=944 height=692></canvas><script>const c=document.querySelector('canvas').getContext('2d'),f=(t)=>{c.clearRect(0,0,944,692);c.fillRect(t/2%900,90,40,40);requestAnimationFrame(f)};requestAnimationFrame(f)</script>"],
  ] as const) {
    const page = await new Pages(browser).open(`data:text/html,${encodeURIComponent(body)}<p id=sample>`, { ...desktop, ...moving });
    await report(page, what, seconds);
    await page.context().close();
  }
});

for (const style of ["fly", "list"]) {
  test(`overlay, ${style}, 1,000 messages a second`, async () => {
    const page = await new Pages(browser).open(`${site.url}overlay?demo=1&rate=1000&style=${style}`, { ...desktop, ...moving });
    // Which the report reads.
    await page.evaluate(() => document.body.append(Object.assign(document.createElement("p"), { id: "sample" })));
    await report(page, `overlay ${style} 1000/s`, seconds);
    await page.context().close();
  });
}

for (const [name, device] of [["desktop", desktop], ["phone", phone]] as const) {
  for (const rate of rates) {
    test(`${name}, ${rate} messages a second`, async () => {
      const page = await new Pages(browser).open(`${site.url}?demo=1&rate=${rate}`, { ...device, ...moving });
      await report(page, `${name} ${rate}/s`, seconds);
      await page.context().close();
    });
  }
}
