// The built files.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

test("what is built is in short lines: Node prints the whole line that an uncaught error is in", () => {
  for (const name of ["barrage.mjs", "barrage.js"]) {
    const lines = readFileSync(`dist/${name}`, "utf8").split("\n"), longest = Math.max(...lines.map((line) => line.length));
    assert.ok(lines.length > 20 && longest < 500, `${name} has ${lines.length} lines, the longest of ${longest} characters`);
  }
});
