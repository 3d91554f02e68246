import assert from "node:assert/strict";
import { test } from "node:test";
import { type Flight, Tracks, leftOf } from "../../client/src/show/tracks.js";
import { seeded } from "./random.js";

const gap = 12;

/** overlap finds two comments that touch at this moment; the canvas shows what is right of x = 0. */
function overlap(flights: readonly Flight[], now: number): [Flight, Flight] | undefined {
  const rows = new Map<number, Flight[]>();
  for (const f of flights) {
    for (let y = f.top; y < f.top + f.height; y++) {
      for (const other of rows.get(y) ?? []) {
        const [a, b] = leftOf(f, now) < leftOf(other, now) ? [f, other] : [other, f];
        if (leftOf(b, now) < leftOf(a, now) + a.width && leftOf(a, now) + a.width > 0) return [a, b];
      }
      rows.set(y, [...(rows.get(y) ?? []), f]);
    }
  }
  return undefined;
}

for (const seed of [1, 2, 3]) {
  test(`no two comments ever touch: heights, speeds and the sky itself change (seed ${seed})`, () => {
    const random = seeded(seed), tracks = new Tracks(gap);
    let flights: Flight[] = [], placed = 0;
    tracks.resize(900, 500);
    for (let now = 0; now < 60_000; now += 50) {
      if (random() < 0.01) tracks.resize(300 + random() * 1000, 150 + random() * 600);
      for (let n = random() * 11; n > 1; n--) { // About 100 a second.
        const height = [20, 28, 36][Math.floor(random() * 3)]!, size = { width: 20 + random() ** 3 * 700, height };
        const flight = tracks.place(size, 0.05 + random() * 0.25, now, random() * 60);
        if (!flight) continue;
        flights.push(flight);
        placed++;
      }
      flights = flights.filter((f) => leftOf(f, now) + f.width > 0);
      assert.equal(overlap(flights, now), undefined, `overlap at ${now} ms`);
    }
    assert.ok(placed > 150, `only ${placed} comments were placed`);
  });
}

test("at 100 comments a second, 97 of 100 find a track of a desktop's stage at once", () => {
  const random = seeded(7), tracks = new Tracks(gap);
  tracks.resize(920, 690);
  let left = 0;
  for (let i = 0; i < 6000; i++) {
    const width = 30 + random() * 100;
    if (!tracks.place({ width, height: 20 }, 0.127 * 2.6 * (1 + 0.3 * width / 920), i * 10, random() * 60)) left++;
  }
  assert.ok(left < 180, `${left} of 6,000 found no track`);
});

test("a faster comment waits until it cannot catch the slower one", () => {
  const tracks = new Tracks(gap);
  tracks.resize(1000, 20);
  const size = { width: 100, height: 20 };
  assert.ok(tracks.place(size, 0.1, 0)); // Gone after 11 s.
  assert.equal(tracks.place(size, 0.2, 5000), undefined); // Would be at 0 after 10 s: too early.
  assert.ok(tracks.place(size, 0.2, 6200));
});

test("a comment waits until the one before has come in whole, and the gap behind it", () => {
  const tracks = new Tracks(gap), size = { width: 100, height: 20 };
  tracks.resize(1000, 20);
  assert.ok(tracks.place(size, 0.1, 0));
  assert.equal(tracks.place(size, 0.1, 1119), undefined);
  assert.ok(tracks.place(size, 0.1, 1121));
});

test("the topmost track comes first, and a comment higher than the sky has none", () => {
  const tracks = new Tracks(gap), size = { width: 100, height: 20 };
  tracks.resize(1000, 60);
  assert.deepEqual([0, 1, 2, 3].map(() => tracks.place(size, 0.1, 0)?.top), [0, 20, 40, undefined]);
  assert.equal(tracks.place({ width: 100, height: 64 }, 0.1, 1e6), undefined);
  tracks.clear();
  assert.equal(tracks.place(size, 0.1, 0)?.top, 0);
});
