// Memory after as many messages as 5 minutes at 1,000 a second bring, ten times as fast;
// with MEASURE_MINUTES=5 in those minutes themselves.

import { test } from "node:test";
import { desktop, launch, moving, Pages, serve } from "./browser.js";

const minutes = Number(process.env["MEASURE_MINUTES"] ?? 0);
const rate = minutes ? 1000 : 10_000;
const pauses = minutes ? Array<number>(minutes).fill(60) : [3, 10, 10, 10]; // s

test(`${rate} messages a second`, async () => {
  const [browser, site] = await Promise.all([launch(), serve()]);
  try {
    const page = await new Pages(browser).open(`${site.url}?demo=1&rate=${rate}`, { ...desktop, ...moving }), cdp = await page.context().newCDPSession(page);
    let passed = 0;
    for (const pause of pauses) {
      await page.waitForTimeout(pause * 1000);
      passed += pause;
      await cdp.send("HeapProfiler.collectGarbage");
      const { usedSize } = await cdp.send("Runtime.getHeapUsage"), nodes = await cdp.send("Memory.getDOMCounters");
      console.log(`${passed} s: heap ${(usedSize / 2 ** 20).toFixed(1)} MiB, ${nodes.nodes} DOM nodes, ${nodes.jsEventListeners} listeners, ${await page.locator("#sample").textContent()}`);
    }
  } finally {
    await browser.close();
    site.stop();
  }
});
