// Frames, long tasks, nodes and memory of the page in a simulated room.
// `npm run measure room`; MEASURE_RATES=100,1000 and MEASURE_SECONDS=10 by default.

import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { desktop, launch, Pages, phone, serve } from "./browser.js";
import { report } from "./measuring.js";

const rates = (process.env["MEASURE_RATES"] ?? "100,1000").split(",").map(Number);
const seconds = Number(process.env["MEASURE_SECONDS"] ?? 10);

let browser: Browser, site: { url: string; stop: () => void };
before(async () => { [browser, site] = await Promise.all([launch(), serve()]); });
after(async () => {
  await browser.close();
  site.stop();
});

for (const [name, device] of [["desktop", desktop], ["phone", phone]] as const) {
  for (const rate of rates) {
    test(`${name}, ${rate} messages a second`, async () => {
      const page = await new Pages(browser).open(`${site.url}?demo=1&rate=${rate}`, device);
      await report(page, `${name} ${rate}/s`, seconds);
      await page.context().close();
    });
  }
}
