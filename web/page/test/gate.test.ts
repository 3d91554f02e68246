import assert from "node:assert/strict";
import { test } from "node:test";
import { gateOf } from "../src/gate.js";

const open = { name: "open", reason: "welcome" } as const;
const closed = (reason: string) => ({ name: "closed", reason }) as const;

test("who may send writes, guest or not; who may not is told how to", () => {
  assert.equal(gateOf(open, false, ["read", "send"]), undefined);
  assert.equal(gateOf(open, true, ["read", "send"]), undefined);
  assert.equal(gateOf(open, true, ["read"])?.why, "gateGuest");
  assert.equal(gateOf(open, false, ["read", "like"])?.why, "gateReader");
  assert.equal(gateOf({ name: "waiting", reason: "lost" }, true, ["read"])?.how, "door");
});

test("before the welcome who has a login may write, what they write waits; a guest may not", () => {
  assert.equal(gateOf({ name: "connecting", reason: "connect" }, false, undefined), undefined);
  assert.equal(gateOf({ name: "connecting", reason: "connect" }, true, undefined)?.why, "gateGuest");
});

test("a login that has ended is said, whatever one might do before, and nobody is logged in where a newer login is", () => {
  for (const can of [undefined, ["read"], ["read", "send"]]) {
    assert.deepEqual(gateOf(closed("token_expired"), false, can), { why: "gateExpired", offer: "logInAgain", how: "password" });
    assert.deepEqual(gateOf(closed("token_replaced"), false, can), { why: "gateReplaced", offer: "logInHere", how: "here" });
  }
  assert.equal(gateOf(closed("token_revoked"), false, undefined)?.why, "gateRevoked");
  assert.equal(gateOf(closed("unauthenticated"), false, undefined)?.why, "gateInvalid");
  assert.equal(gateOf({ name: "waiting", reason: "token_expired" }, false, ["send"]), undefined, "it is being renewed");
});

test("another end is none of the login's", () => {
  for (const reason of ["forbidden", "close", "toString", "constructor"]) assert.equal(gateOf(closed(reason), false, ["send"]), undefined, reason);
});
