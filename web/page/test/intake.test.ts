import assert from "node:assert/strict";
import { test } from "node:test";
import type { Message, Page } from "../console/api.js";
import { Intake, pageSize } from "../console/intake.js";

const message = (seq: number): Message => ({ seq, kind: "chat", user_id: "u", body: String(seq), ts: seq, id: `c-${seq}` });

/** page is the newest messages of a room that stands at seq, without those that are gone. */
function page(seq: number, gone: number[] = [], epoch = "e"): Page {
  const n = Math.min(seq, pageSize);
  return { epoch, seq, messages: Array.from({ length: n }, (_, i) => seq - n + 1 + i).map((s) => (gone.includes(s) ? { seq: s, recalled: true } as Message : message(s))) };
}
const seqs = (rows: readonly Message[]) => rows.map(({ seq }) => seq);

test("the first answer fills the screen, then each message is drawn once", () => {
  const intake = new Intake();
  assert.equal(intake.take(page(100), false, 0).rows.length, pageSize);
  assert.equal(intake.all, 0, "what was there before is not counted");
  assert.deepEqual(seqs(intake.take(page(103), false, 500).rows), [101, 102, 103]);
  assert.deepEqual(seqs(intake.take(page(103), false, 1000).rows), []);
  assert.deepEqual([intake.all, intake.behind], [3, 0]);
});

test("of a storm at most twelve a second are drawn, the newest among them, and all are counted", () => {
  const intake = new Intake();
  intake.take(page(0), false, 0);
  let drawn = 0;
  for (let i = 1; i <= 60; i++) {
    const { rows, passed } = intake.take(page(500 * i), false, 500 * i);
    drawn += rows.length;
    assert.equal(passed, 0, "the flow of a storm has no marks");
    if (rows.length > 0) assert.equal(rows.at(-1)!.seq, 500 * i);
    intake.pace(500 * i);
  }
  assert.ok(drawn > 300 && drawn < 400, String(drawn));
  assert.equal(intake.all, 30_000);
  const { rate, share } = intake.pace(30_500);
  assert.ok(Math.abs(rate - 1000) < 400 && share?.part === 1 && share.whole > 50, JSON.stringify([rate, share]));
});

test("held, nothing is drawn and all is counted; then the newest fill the screen, and the rest is said", () => {
  const intake = new Intake();
  intake.take(page(10), false, 0);
  assert.deepEqual(intake.take(page(400), true, 500).rows, []);
  assert.deepEqual([intake.all, intake.behind], [390, 390]);
  intake.resume();
  const { rows, passed } = intake.take(page(410), false, 1000);
  assert.deepEqual([rows.length, rows[0]!.seq, passed], [pageSize, 351, 340]);
  assert.equal(rows.length + passed, 400);
});

test("what was taken back is said, and never drawn; a room that counts anew begins anew", () => {
  const intake = new Intake();
  intake.take(page(5), false, 0);
  const { rows, gone } = intake.take(page(7, [2, 6]), false, 500);
  assert.deepEqual([seqs(rows), gone], [[7], [2, 6]]);
  const again = intake.take(page(3, [], "f"), false, 1000);
  assert.deepEqual([again.anew, seqs(again.rows), intake.epoch], [true, [1, 2, 3], "f"]);
});
