// The built page without a node, for the tests of one file.

import assert from "node:assert/strict";
import { after, before } from "node:test";
import { launch, Pages, serve } from "./browser.js";

/** Alone is there while the tests of a file run. */
export interface Alone {
  /** url is where the page is served. */
  readonly url: string;
  readonly pages: Pages;
}

/**
 * alone serves the page to a browser until all tests of the file are done; then nothing may have gone wrong in a page.
 */
export function alone(): Alone {
  const there: { url: string; pages: Pages } = { url: "", pages: undefined as unknown as Pages };
  let stop = async () => {};
  before(async () => {
    const [browser, site] = await Promise.all([launch(), serve()]);
    there.url = site.url;
    there.pages = new Pages(browser);
    stop = async () => {
      await browser.close();
      site.stop();
    };
  });
  after(async () => {
    await stop();
    assert.deepEqual(there.pages.errors, []);
  });
  return there;
}
