// How well a page keeps up.

import type { CDPSession, Page } from "playwright-core";

/** Smoothness is what a page's own frames and tasks were like for a while; times in ms. */
export interface Smoothness {
  readonly fps: number;
  /** p99 and worst are of the time between two frames. */
  readonly p99: number;
  readonly worst: number;
  /** long is how many tasks took 50 ms or more, longMs how much all of these took, longestMs the longest. */
  readonly long: number;
  readonly longMs: number;
  readonly longestMs: number;
}

/** smoothness watches the page for ms. */
export function smoothness(page: Page, ms: number): Promise<Smoothness> {
  return page.evaluate((ms) => new Promise<Smoothness>((done) => {
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
      done({
        fps: gaps.length * 1000 / (now - from), p99: gaps[Math.floor(gaps.length * 0.99)]!, worst: gaps.at(-1)!,
        long: long.length, longMs: long.reduce((a, b) => a + b, 0), longestMs: Math.max(0, ...long),
      });
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

/**
 * report prints how the page keeps up with what happens in it, after four seconds of getting used to it, for seconds.
 */
export async function report(page: Page, what: string, seconds: number): Promise<void> {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("Performance.enable");
  await page.waitForTimeout(4000);
  const heapBefore = await heapMB(cdp), before = await busy(cdp), f = await smoothness(page, seconds * 1000), after = await busy(cdp);
  const nodes = await page.evaluate(() => document.querySelectorAll("*").length), sample = await page.locator("#sample").textContent();
  const share = (key: string) => Math.round(100 * (after[key]! - before[key]!) / (after["Timestamp"]! - before["Timestamp"]!));
  console.log(`${what}: ${f.fps.toFixed(1)} fps, p99 frame ${f.p99.toFixed(1)} ms, worst ${f.worst.toFixed(0)} ms, ${f.long} long tasks (${f.longMs.toFixed(0)} ms), main thread ${share("TaskDuration")} % (script ${share("ScriptDuration")} %), ${nodes} elements, heap ${heapBefore.toFixed(1)} -> ${(await heapMB(cdp)).toFixed(1)} MiB, "${sample}"`);
}
