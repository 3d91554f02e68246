// Nobody is kept out: axe-core finds nothing in any state of the page, in either theme, nor in the overlay.

import assert from "node:assert/strict";
import { test } from "node:test";
import { alone } from "./alone.js";
import { findings } from "./axe.js";
import { desktop, moving, phone } from "./browser.js";
import { states } from "./states.js";

const there = alone();

for (const [name, show] of Object.entries(states)) {
  test(`axe finds nothing: ${name}`, async () => {
    for (const device of [desktop, { ...phone, locale: "zh-CN", colorScheme: "dark" }] as const) {
      const page = await show(there, device);
      assert.deepEqual(await findings(page), [], `${device.viewport.width} wide`);
      await page.context().close();
    }
  });
}

test("axe finds nothing: overlay", async () => {
  for (const query of ["demo=1&style=both", "room=.."]) {
    const page = await there.pages.open(`${there.url}overlay?${query}`, { ...desktop, ...moving });
    await page.locator(".barrage-row, #problem:not([hidden])").first().waitFor();
    assert.deepEqual(await findings(page), []);
    await page.context().close();
  }
});
