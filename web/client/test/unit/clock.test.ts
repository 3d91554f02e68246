// Time: elapsed time does not depend on the device's clock, which people and servers set.

import assert from "node:assert/strict";
import { test } from "node:test";
import { steady } from "../../src/env.js";
import { Giver, World } from "../world.js";

const hour = 3_600_000;

test("a clock that is set back an hour: a dead connection is found, likes and sends go on, a token is renewed in time", async () => {
  const world = new World(), giver = new Giver();
  world.server.heartbeatMs = 25_000;
  world.server.auth = { auth_expires_ms: 60_000 };
  const { room, line } = await world.joined({ getToken: giver.give });
  room.like();
  await world.pass(1500);
  world.clockMs = -hour;
  room.like();
  await world.pass(1500);
  assert.equal(line.got.filter((op) => op["t"] === "like").length, 2);
  await world.pass(60_000);
  assert.equal(giver.asked, 2, "the token's life is nearly over");
  world.server.mute = true;
  let waits = 0;
  room.on("state", ({ name, reason, retryAt, retryInMs }) => {
    if (name !== "waiting") return;
    waits++;
    assert.equal(reason, "silent");
    assert.equal(retryAt, world.date() + retryInMs!, "a date by the clock that the page shows");
  });
  await world.pass(25_000 + 10_000 + 10);
  assert.equal(waits, 1);
  room.close();
});

test("steady goes on by its ticks, and by the date through a sleep", () => {
  let ticks = 100, date = 1_700_000_000_000;
  const now = steady(() => ticks, () => date), start = now();
  const after = (ticked: number, dated: number) => {
    ticks += ticked;
    date += dated;
    return now() - start;
  };
  assert.equal(after(1000, 1000), 1000);
  assert.equal(after(1000, -hour), 2000, "set back");
  assert.equal(after(1000, 1000), 3000);
  assert.equal(after(10, hour), hour + 3000, "asleep: ticks stood still");
  assert.equal(after(60_000, 60_030), hour + 63_000, "clocks that drift apart");
  for (let i = 0; i < 1000; i++) after(0.1, i % 10 === 0 ? 1 : 0); // a date is in whole ms
  assert.equal(Math.round(after(0, 0)), hour + 63_100);
});
