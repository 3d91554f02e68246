// Comments that fly, on a canvas that draws nothing.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Sky } from "../../client/src/show/sky.js";
import type { Message } from "../../client/src/types.js";

const letter = 11; // px that a letter is wide, in any font: tests are about time
const frame = 16; // ms

/** drawn are the left edges of what the last frame drew, by picture. */
let drawn = new Map<unknown, number>();
let clock = 0;
const real = { document: globalThis.document, now: performance.now };

function canvas(): HTMLCanvasElement {
  const nothing = () => {};
  const context = {
    measureText: (text: string) => ({ width: text.length * letter }),
    drawImage: (picture: unknown, x: number) => drawn.set(picture, x),
    clearRect: nothing, scale: nothing, beginPath: nothing, roundRect: nothing, fill: nothing, stroke: nothing, strokeText: nothing, fillText: nothing,
  };
  return { clientWidth: 920, clientHeight: 690, getContext: () => context } as unknown as HTMLCanvasElement;
}

before(() => {
  Object.assign(globalThis, { document: { createElement: canvas }, devicePixelRatio: 1 });
  performance.now = () => clock;
});
after(() => {
  Object.assign(globalThis, { document: real.document });
  performance.now = real.now;
});

/** show draws the next frame. */
function show(sky: Sky): void {
  clock += frame;
  drawn = new Map();
  sky.draw(clock);
}

/** run has so many comments a second come for ms, and returns how many of them began to fly in each half second. */
function run(sky: Sky, perSecond: number, ms: number): number[] {
  const began: number[] = [];
  let flew = 0, due = 0;
  sky.shown.add = () => void flew++;
  for (let t = 0; t < ms; t += frame) {
    for (due += perSecond * frame / 1000; due >= 1; due--) sky.add({ message: {} as Message, text: "nine px  ", look: "plain", hue: 0 });
    show(sky);
    if (Math.floor(t / 500) !== Math.floor((t + frame) / 500)) {
      began.push(flew);
      flew = 0;
    }
  }
  return began;
}

function newSky(): Sky {
  clock = 1000;
  const sky = new Sky(canvas());
  sky.resize();
  return sky;
}

for (const [calm, storm] of [[0, 50], [5, 50], [0, 100], [10, 100], [0, 300]] as const) {
  test(`a storm of ${storm} a second after ${calm}: something new flies in each half second`, () => {
    const sky = newSky();
    run(sky, calm, 6000);
    const began = run(sky, storm, 6000), least = Math.min(storm, 50) / 2 / 2; // half of what comes, or of 50
    assert.ok(began.every((n) => n >= least), `in half seconds ${began.join(" ")} began to fly; want ${least} in each`);
  });
}

/** speed is how fast a comment in the middle flies, in px per ms. */
function speed(sky: Sky): number {
  const [picture, from] = [...drawn].find(([, x]) => x > 200 && x < 800)!;
  show(sky);
  return (from - drawn.get(picture)!) / frame;
}

test("a quiet room's comments take their time, and a storm's are fast, also those of before", () => {
  const sky = newSky();
  run(sky, 2, 3000);
  const slow = speed(sky);
  assert.ok(Math.abs(slow - 0.13) < 0.01, `${slow} px/ms; want 0.13: a desktop in 8 s, and longer comments faster`);
  run(sky, 100, 1500);
  const fast = speed(sky);
  assert.ok(fast > 2 * slow, `${fast} px/ms in a storm; want more than ${2 * slow}`);
  run(sky, 2, 6000);
  const again = speed(sky);
  assert.ok(again < 1.1 * slow, `${again} px/ms after the storm; want ${slow} again`);
});

test("while all stands nothing moves, and then it goes on from there", () => {
  const sky = newSky();
  run(sky, 5, 3000);
  const was = [...drawn];
  for (let i = 0; i < 60; i++) {
    sky.stand(frame);
    show(sky);
    assert.deepEqual([...drawn], was);
  }
  show(sky);
  for (const [picture, x] of drawn) if (was.some(([of]) => of === picture)) {
    const from = was.find(([of]) => of === picture)![1];
    assert.ok(x < from && x > from - 10, `${x} after ${from}`);
  }
});
