// The costs of a first visit, over a real node as a browser sees it: bytes, requests, and how soon there is something.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { desktop, launch, Pages, phone } from "./browser.js";
import { Node } from "./node.js";

/** budgets are in bytes as they travel, gzipped: the size of each now, and a tenth. */
const budgets: Record<string, number> = { "": 51_000, overlay: 21_800, "barrage.js": 15_500, "barrage.mjs": 15_200, "barrage-room.mjs": 7_100 };

/**
 * slowest is how long Chromium may take to the first paint, in ms. That is far more than the 100 or so of a machine at
 * rest, and less than what anybody waits for.
 */
const slowest = 5000;

let browser: Browser, node: Node;
before(async () => { [browser, node] = await Promise.all([launch(), Node.start()]); });
after(async () => {
  await browser.close();
  await node.kill();
});

/** transferred is how many bytes of body come for a path. */
async function transferred(path: string): Promise<number> {
  const page = await browser.newPage();
  const [response] = await Promise.all([page.waitForResponse(`${node.url}${path}`), page.goto(`${node.url}${path}`)]);
  assert.equal(response.headers()["content-encoding"], "gzip", path);
  const { responseBodySize } = await response.request().sizes();
  await page.close();
  return responseBodySize;
}

test("pages and scripts come within their budgets", async () => {
  for (const [path, budget] of Object.entries(budgets)) {
    const size = await transferred(path);
    assert.ok(size <= budget, `/${path} has ${size} bytes as it travels, ${budget} are allowed`);
    assert.ok(size > budget * 0.6, `/${path} has ${size} bytes as it travels: lower its budget of ${budget}`);
  }
});

for (const [what, path, device, most] of [["the room on a desktop", "?room=r&name=Mia", desktop, 4], ["the room on a phone", "?room=r&name=Mia", phone, 4], ["the overlay", "overlay?room=r", desktop, 2]] as const) {
  test(`one request paints ${what}: nothing else is waited for`, async (t) => {
    const asked: string[] = [], page = await new Pages(browser).open(`${node.url}${path}`, device, async (page) => {
      page.on("request", (request) => asked.push(new URL(request.url()).pathname));
      page.on("websocket", (socket) => asked.push(new URL(socket.url()).pathname));
      await page.addInitScript(() => {
        Object.assign(window, { painted: new Promise((done) => new PerformanceObserver((list) => {
          for (const { name, startTime } of list.getEntries()) if (name === "first-contentful-paint") done(startTime);
        }).observe({ type: "paint", buffered: true })) });
      });
    });
    // Nothing was sent: it stays clear.
    const painted = what === "the overlay" ? 0 : await page.evaluate(() => (window as unknown as { painted: Promise<number> }).painted);
    const before = await page.evaluate((painted) => performance.getEntriesByType("resource").filter((e) => e.startTime < painted && (e as PerformanceResourceTiming & { renderBlockingStatus: string }).renderBlockingStatus === "blocking").map((e) => e.name), painted);
    assert.deepEqual(before, [], "the first paint waits for these");
    if (what !== "the overlay") await page.locator("#state[data-state=open]").waitFor();
    assert.ok(asked.length <= most, asked.join(" ")); // The page, what emotes there are, a login, the socket.
    t.diagnostic(`first contentful paint after ${painted.toFixed(0)} ms`);
    assert.ok(painted < slowest, `${painted} ms`);
    await page.context().close();
  });
}
