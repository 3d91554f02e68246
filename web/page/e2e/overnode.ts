// How well a page keeps up with a crowd in a room of a real node; node and crowd run on the same machine.

import { test } from "node:test";
import { desktop, launch, moving, Pages, phone } from "./browser.js";
import { Crowd } from "./crowd.js";
import { report } from "./measuring.js";
import { Node } from "./node.js";

const rates = (process.env["MEASURE_RATES"] ?? "1000").split(",").map(Number);
const seconds = Number(process.env["MEASURE_SECONDS"] ?? 10);

/**
 * measureOverNode has a test for each device and rate. The defaults are MEASURE_RATES=1000 messages a second and
 * MEASURE_SECONDS=10. The argument what names the page, whose address in the room "storm" is at; it is there when ready
 * is.
 */
export function measureOverNode(what: string, at: (node: Node) => string, ready: string): void {
  for (const [name, device] of [["desktop", desktop], ["phone", phone]] as const) {
    for (const rate of rates) {
      test(`${what}, ${name}, ${rate} messages a second over a node`, async () => {
        const [browser, node] = await Promise.all([launch(), Node.start()]), crowd = new Crowd(node.url, "storm");
        try {
          const page = await new Pages(browser).open(at(node), { ...device, ...moving });
          await page.locator(ready).waitFor();
          crowd.talk(rate);
          const from = performance.now();
          await report(page, `${what}, ${name} ${rate}/s over a node`, seconds);
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
}
