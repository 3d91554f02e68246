// The size of each part of the package, compressed, as a page loads it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

/** budgets are in bytes, gzipped: the size of each part now, and a tenth. */
const budgets: Record<string, number> = { "barrage.mjs": 15_200, "barrage.cjs": 15_500, "barrage.js": 15_500, "react.mjs": 500, "vue.mjs": 650, "overlay.mjs": 6_400, "element.mjs": 7_100, "replay.mjs": 1_350 };

test("no part of the package is larger than its budget, and bindings bring no second client", () => {
  for (const [name, budget] of Object.entries(budgets)) {
    const size = gzipSync(readFileSync(`dist/${name}`), { level: 9 }).length;
    assert.ok(size <= budget, `${name} has ${size} bytes gzipped, ${budget} are allowed`);
    assert.ok(size > budget * 0.6, `${name} has ${size} bytes gzipped: lower its budget of ${budget}`);
  }
});
