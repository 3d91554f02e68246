// The settings of flying comments that a browser keeps may be anything.

import assert from "node:assert/strict";
import { test } from "node:test";
import { readFlying, usual } from "../src/flying.js";

test("what was kept comes back, and what makes no sense is as usual", () => {
  const own = { opacity: 40, size: 140, speed: 50, area: 25 };
  assert.deepEqual(readFlying(JSON.stringify(own)), own);
  for (const text of ["", "null", "7", "[]", "{", '"x"', '{"opacity":0,"size":1e9,"speed":null,"area":"50"}']) assert.deepEqual(readFlying(text), usual, text);
  assert.deepEqual(readFlying('{"area":50,"colour":1}'), { ...usual, area: 50 });
});
