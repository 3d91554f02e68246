// Memory after as many messages as 5 minutes at 1,000 a second bring, ten times as fast.

import { test } from "node:test";
import { launch, Pages, serve } from "./browser.js";

test("300,000 messages", async () => {
  const [browser, site] = await Promise.all([launch(), serve()]);
  try {
    const page = await new Pages(browser).open(`${site.url}?demo=1&rate=10000`), cdp = await page.context().newCDPSession(page);
    for (const seconds of [3, 10, 10, 10]) {
      await page.waitForTimeout(seconds * 1000);
      await cdp.send("HeapProfiler.collectGarbage");
      const { usedSize } = await cdp.send("Runtime.getHeapUsage"), nodes = await cdp.send("Memory.getDOMCounters");
      console.log(`heap ${(usedSize / 2 ** 20).toFixed(1)} MiB, ${nodes.nodes} DOM nodes, ${nodes.jsEventListeners} listeners, ${await page.locator("#sample").textContent()}`);
    }
  } finally {
    await browser.close();
    site.stop();
  }
});
