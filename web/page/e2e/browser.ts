// Chromium, and a server for the built page alone, with the policy that web.go gives it.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import * as playwright from "playwright-core";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { chromium } from "../../client/test/program.js";

export const desktop = { viewport: { width: 1280, height: 800 } } satisfies BrowserContextOptions;
export const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 } satisfies BrowserContextOptions;

/** patience bounds each wait for the page, in ms: machines are slow at times. */
export const patience = 30_000;

/** moving has comments fly and the stage play. Other pages stand still: both take most of a core from all tests. */
export const moving = { reducedMotion: "no-preference" } satisfies BrowserContextOptions;

/** launch starts Chromium. */
export function launch(): Promise<Browser> {
  return playwright.chromium.launch({ ...chromium, args: ["--enable-precise-memory-info", "--js-flags=--expose-gc"] });
}

/** Pages opens pages and collects what goes wrong in them. */
export class Pages {
  readonly errors: string[] = [];

  constructor(private readonly browser: Browser) {}

  /** open opens a page; prepare is called before the page loads. */
  async open(url: string, options: BrowserContextOptions = desktop, prepare?: (page: Page) => Promise<void>): Promise<Page> {
    const context = await this.browser.newContext({ locale: "en-US", colorScheme: "light", reducedMotion: "reduce", ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(patience);
    page.on("pageerror", (err) => this.errors.push(String(err)));
    page.on("console", (m) => {
      // A server that is down is no error of the page's.
      if (m.type() === "error" && !/Failed to load resource|WebSocket connection/.test(m.text())) this.errors.push(m.text());
    });
    // Waits are half of what they may be; ids, which are random too, still differ.
    if (options.reducedMotion !== moving.reducedMotion) await page.addInitScript(() => {
      const random = Math.random;
      if (!location.search.includes("demo=1")) Math.random = () => 0.5 + random() / 1000;
    });
    await prepare?.(page);
    await page.goto(url);
    return page;
  }
}

/** focused names the element that has the focus. */
export function focused(page: Page): Promise<string | undefined> {
  return page.evaluate(() => document.activeElement?.id || document.activeElement?.className || document.activeElement?.tagName);
}

/** frames lets n frames pass, and returns the most elements that stood in the page, and in its list, in any of them. */
export function frames(page: Page, n: number): Promise<{ elements: number; rows: number }> {
  return page.evaluate(async (n) => {
    const most = { elements: 0, rows: 0 };
    for (; n > 0; n--) {
      await new Promise(requestAnimationFrame);
      most.elements = Math.max(most.elements, document.querySelectorAll("*").length);
      most.rows = Math.max(most.rows, document.querySelectorAll("#rows li").length);
    }
    return most;
  }, n);
}

/**
 * comes watches from now on for an element with this text; its result waits for that. In a storm a row may be gone
 * before one looks.
 */
export async function comes(page: Page, selector: string, text: string): Promise<() => Promise<unknown>> {
  const watch = await page.evaluateHandle(([selector, text]) => {
    const watch = { came: false };
    const observer = new MutationObserver(() => {
      watch.came ||= [...document.querySelectorAll(selector!)].some((e) => e.textContent!.includes(text!));
      if (watch.came) observer.disconnect();
    });
    observer.observe(document.body, { childList: true, subtree: true });
    return watch;
  }, [selector, text]);
  return () => page.waitForFunction((watch) => watch.came, watch);
}

/** shoot keeps a screenshot in shots/, which is not committed, where SHOTS=1 asks for it: pictures are for people. */
export async function shoot(page: Page, name: string): Promise<void> {
  if (!process.env["SHOTS"]) return;
  mkdirSync("shots", { recursive: true });
  await page.screenshot({ path: `shots/${name}.png` });
}

/** serve serves the built pages, the overlay at /overlay, the console at /console; stop it at the end. */
export async function serve(): Promise<{ url: string; stop: () => void }> {
  const pages = ["../room.html", "../overlay.html", "../console.html"].map((file) => {
    const page = readFileSync(file, "utf8"), policy = ["default-src 'none'", "img-src data: 'self'", "connect-src 'self'"];
    for (const [, tag, inner] of page.matchAll(/<(style|script)>(.*?)<\//gs)) policy.push(`${tag}-src 'sha256-${createHash("sha256").update(inner!).digest("base64")}'`);
    return { page, policy: policy.join("; ") };
  });
  const server = createServer(({ url }, response) => {
    const { page, policy } = pages[["/overlay", "/console"].findIndex((path) => url!.startsWith(path)) + 1]!;
    response.writeHead(200, { "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy }).end(page);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, stop: () => server.close() };
}
