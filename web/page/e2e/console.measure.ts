// Frames, long tasks and memory of the console in a room of a real node at 1,000 messages a second; the node and the
// crowd run on the same machine. `npm run measure console`; MEASURE_RATES and MEASURE_SECONDS as in storm.measure.ts.

import { test } from "node:test";
import { desktop, launch, Pages, phone } from "./browser.js";
import { Crowd } from "./crowd.js";
import { report } from "./measuring.js";
import { Node } from "./node.js";

const rates = (process.env["MEASURE_RATES"] ?? "1000").split(",").map(Number);
const seconds = Number(process.env["MEASURE_SECONDS"] ?? 10);

for (const [name, device] of [["desktop", desktop], ["phone", phone]] as const) {
  for (const rate of rates) {
    test(`the console, ${name}, ${rate} messages a second over a node`, async () => {
      const [browser, node] = await Promise.all([launch(), Node.start()]), crowd = new Crowd(node.url, "storm");
      try {
        const page = await new Pages(browser).open(`http://${node.admin}/console#room=storm`, device);
        await page.locator("#link[data-state=live]").waitFor();
        crowd.talk(rate);
        const from = performance.now();
        await report(page, `console, ${name} ${rate}/s over a node`, seconds);
        crowd.hush();
        console.log(`said ${(crowd.said * 1000 / (performance.now() - from)).toFixed(0)}/s, refused ${crowd.refused.length}`);
      } finally {
        crowd.leave();
        await browser.close();
        await node.kill();
      }
    });
  }
}
