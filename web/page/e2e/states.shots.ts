// A picture of every state of the page, to be looked at: shots/states/STATE-WIDTH-THEME-LANGUAGE.png. SHOTS=live,muted
// makes these alone. `npm run shots`.

import { mkdirSync } from "node:fs";
import { test } from "node:test";
import { alone } from "./alone.js";
import { desktop, moving, phone } from "./browser.js";
import { states } from "./states.js";

const there = alone(), wanted = process.env["SHOTS"]?.split(",");
mkdirSync("shots/states", { recursive: true });

for (const [name, show] of Object.entries(states)) {
  if (wanted && !wanted.includes(name)) continue;
  test(name, async () => {
    for (const device of [desktop, phone]) {
      for (const locale of ["en-US", "zh-CN"]) {
        const page = await show(there, { ...device, ...moving, locale });
        for (const colorScheme of ["light", "dark"] as const) {
          await page.emulateMedia({ colorScheme });
          await page.screenshot({ path: `shots/states/${name}-${device.viewport.width}-${colorScheme}-${locale.slice(0, 2)}.png` });
        }
        await page.context().close();
      }
    }
  });
}
