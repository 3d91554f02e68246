import assert from "node:assert/strict";
import { test } from "node:test";
import { Burst } from "../src/hearts.js";
import { Budget, Meter, shareOf } from "../../client/src/show/pace.js";

test("shareOf says it in small numbers", () => {
  for (const [shown, all, want] of [
    [100, 100, undefined], [98, 100, undefined], [83, 1000, "1 of 12"], [50, 100, "1 of 2"], [67, 100, "2 of 3"], [90, 100, "9 of 10"], [96, 100, "9 of 10"], [0, 30, "1 of 3000"], [0, 0, undefined],
  ] as const) {
    const share = shareOf(shown, all);
    assert.equal(share && `${share.part} of ${share.whole}`, want, `${shown} of ${all}`);
  }
});

test("Meter comes near to the true rate within seconds, and forgets it", () => {
  const meter = new Meter();
  for (let now = 0; now <= 5000; now += 100) {
    meter.add(10);
    meter.perSecond(now);
  }
  assert.ok(Math.abs(meter.perSecond(5000) - 100) < 3);
  assert.ok(meter.perSecond(12_000) < 1);
});

test("Budget lets its rate through, and its burst at once", () => {
  const budget = new Budget(30, 60);
  const through = (from: number, to: number, step: number) => {
    let n = 0;
    for (let now = from; now < to; now += step) if (budget.take(now)) n++;
    return n;
  };
  assert.equal(through(0, 1, 0.001), 60);
  assert.ok(Math.abs(through(1, 10_001, 1) - 300) <= 1);
  assert.equal(through(60_000, 60_001, 0.001), 60);
});

test("Burst merges clicks into few frames of at most 100", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const sent: number[] = [], burst = new Burst((n) => sent.push(n));
  for (let i = 0; i < 251; i++) burst.add();
  assert.deepEqual(sent, [1]);
  for (let i = 0; i < 5; i++) context.mock.timers.tick(500);
  assert.deepEqual(sent, [1, 100, 100, 50]);
  burst.add();
  assert.deepEqual(sent, [1, 100, 100, 50, 1]);
});
