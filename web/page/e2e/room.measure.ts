// Frames, long tasks, nodes and memory of the page in a simulated room.
// `npm run measure`; MEASURE_RATES=100,1000 and MEASURE_SECONDS=10 by default.

import { after, before, test } from "node:test";
import type { Browser, CDPSession, Page } from "playwright-core";
import { desktop, launch, Pages, phone, serve } from "./browser.js";

const rates = (process.env["MEASURE_RATES"] ?? "100,1000").split(",").map(Number);
const seconds = Number(process.env["MEASURE_SECONDS"] ?? 10);

let browser: Browser, site: { url: string; stop: () => void };
before(async () => { [browser, site] = await Promise.all([launch(), serve()]); });
after(async () => {
  await browser.close();
  site.stop();
});

/** frames watches the page's own frames for a while. */
function frames(page: Page, ms: number) {
  return page.evaluate((ms) => new Promise<{ fps: number; p99: number; worst: number; long: number; longMs: number }>((done) => {
    const gaps: number[] = [], long: number[] = [];
    const observer = new PerformanceObserver((list) => long.push(...list.getEntries().map((e) => e.duration)));
    observer.observe({ type: "longtask" });
    const from = performance.now();
    let last = from;
    const step = (now: number) => {
      gaps.push(now - last);
      last = now;
      if (now - from < ms) return requestAnimationFrame(step);
      observer.disconnect();
      gaps.sort((a, b) => a - b);
      done({ fps: gaps.length * 1000 / (now - from), p99: gaps[Math.floor(gaps.length * 0.99)]!, worst: gaps.at(-1)!, long: long.length, longMs: long.reduce((a, b) => a + b, 0) });
      return 0;
    };
    requestAnimationFrame(step);
  }), ms);
}

async function heapMB(cdp: CDPSession): Promise<number> {
  await cdp.send("HeapProfiler.collectGarbage");
  return (await cdp.send("Runtime.getHeapUsage")).usedSize / 2 ** 20;
}

async function busy(cdp: CDPSession): Promise<Record<string, number>> {
  const { metrics } = await cdp.send("Performance.getMetrics");
  return Object.fromEntries(metrics.map((m) => [m.name, m.value]));
}

for (const [name, device] of [["desktop", desktop], ["phone", phone]] as const) {
  for (const rate of rates) {
    test(`${name}, ${rate} messages a second`, async () => {
      const page = await new Pages(browser).open(`${site.url}?demo=1&rate=${rate}`, device), cdp = await page.context().newCDPSession(page);
      await cdp.send("Performance.enable");
      await page.waitForTimeout(4000);
      const heapBefore = await heapMB(cdp), before = await busy(cdp), f = await frames(page, seconds * 1000), after = await busy(cdp);
      const nodes = await page.evaluate(() => document.querySelectorAll("*").length), sample = await page.locator("#sample").textContent();
      const share = (key: string) => Math.round(100 * (after[key]! - before[key]!) / (after["Timestamp"]! - before["Timestamp"]!));
      console.log(`${name} ${rate}/s: ${f.fps.toFixed(1)} fps, p99 frame ${f.p99.toFixed(1)} ms, worst ${f.worst.toFixed(0)} ms, ${f.long} long tasks (${f.longMs.toFixed(0)} ms), main thread ${share("TaskDuration")} % (script ${share("ScriptDuration")} %), ${nodes} elements, heap ${heapBefore.toFixed(1)} -> ${(await heapMB(cdp)).toFixed(1)} MiB, "${sample}"`);
      await page.context().close();
    });
  }
}
