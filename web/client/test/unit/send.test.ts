// Sending: each send is one message and has one answer.

import assert from "node:assert/strict";
import { test } from "node:test";
import { SendError } from "../../src/index.js";
import { World, type Json } from "../world.js";

const of = (got: Json[], t: string) => got.filter((f) => f["t"] === t);

test("a send is acknowledged with its place", async () => {
  const world = new World();
  const { room, seen, line } = await world.joined();
  const sent = room.send("hi", { kind: "gift", ext: { n: 1 }, id: "c-1" });
  await world.pass(10);
  assert.deepEqual(await sent, { id: "c-1", epoch: world.server.epoch, seq: 1, ts: world.server.history[0]!.ts });
  assert.deepEqual(of(line.got, "send"), [{ t: "send", body: "hi", kind: "gift", ext: { n: 1 }, id: "c-1" }]);
  assert.equal(seen.take(), "1");
});

test("ids are unique, and plain sends have no more than they need", async () => {
  const world = new World();
  const { room, line } = await world.joined();
  const sent = Promise.all([room.send("a"), room.send("b")]);
  await world.pass(10);
  const [a, b] = await sent;
  assert.notEqual(a!.id, b!.id);
  assert.deepEqual(Object.keys(line.got[0]!).sort(), ["body", "id", "t"]);
});

test("a refusal rejects with the server's code", async () => {
  const world = new World();
  const { room, seen, line } = await world.joined();
  world.server.mute = true;
  const refused = assert.rejects(room.send("hi", { id: "c-1" }), (err) => {
    assert.ok(err instanceof SendError);
    assert.deepEqual([err.code, err.id, err.retryAfterMs, err.message], ["busy", "c-1", 500, "cannot send: slow down"]);
    return true;
  });
  line.say({ t: "refused", id: "c-1", code: "busy", message: "slow down", retry_after_ms: 500 });
  await world.pass(10);
  await refused;
  assert.equal(seen.take(), "", "it is no error event: somebody waited for it");
});

test("ops go out no faster than the server says: what waited, new sends, recalls and likes together", async () => {
  const world = new World(); // 5 a second, 10 at once
  const { room, line } = await world.joined();
  const at: number[] = [], start = world.now();
  const sends = Array.from({ length: 40 }, (_, i) => room.send(`m${i}`));
  room.like(3);
  for (let ms = 0; ms < 12_000; ms += 50) {
    await world.pass(50);
    while (at.length < line.got.filter((op) => op["t"] !== "ping").length) at.push(world.now() - start);
  }
  await Promise.all(sends);
  assert.equal(at.length, 41, "each once");
  assert.deepEqual(of(line.got, "send").map((op) => op["body"]), sends.map((_, i) => `m${i}`), "in order");
  assert.ok(at[6]! <= 100 && at[7]! > 100, `most of the burst at once, not all: ${at.slice(0, 10)}`);
  for (let i = 0; i + 11 < at.length; i++) assert.ok(at[i + 11]! - at[i]! >= 300, `11 ops in ${at[i + 11]! - at[i]!} ms from op ${i}`);
  assert.ok(at[40]! <= 7600, `the last after ${at[40]} ms: no slower either`);
});

test("what waits for a connection goes out no faster", async () => {
  const world = new World();
  const { room } = await world.joined();
  world.server.line.end(1006);
  const sends = Array.from({ length: 40 }, (_, i) => room.send(`m${i}`));
  await world.pass(3000);
  const burst = of(world.server.line.got, "send").length;
  assert.ok(burst > 5 && burst < 22, `${burst} in the first seconds`);
  await world.pass(12_000);
  await Promise.all(sends);
  assert.equal(of(world.server.line.got, "send").length, 40);
});

test("one that comes too soon goes again when the server says, before the others, and none in between", async () => {
  const world = new World();
  const { room, line } = await world.joined();
  world.server.mute = true; // another tab has used the rate up
  const first = room.send("first", { id: "c-1" });
  line.say({ t: "refused", id: "c-1", code: "rate_limited", message: "too many at once", retry_after_ms: 2500 });
  await world.pass(10);
  const second = room.send("second", { id: "c-2" });
  await world.pass(2400);
  assert.equal(of(line.got, "send").length, 1);
  world.server.mute = false;
  await world.pass(500);
  assert.deepEqual(of(line.got, "send").map((op) => op["id"]), ["c-1", "c-1", "c-2"]);
  assert.deepEqual([(await first).seq, (await second).seq], [1, 2]);
});

test("one that would have to wait for too long is refused, with the time", async () => {
  const world = new World();
  const { room, line } = await world.joined();
  world.server.mute = true;
  const refused = assert.rejects(room.send("hi", { id: "c-1" }), { name: "SendError", code: "rate_limited", retryAfterMs: 60_000 });
  line.say({ t: "refused", id: "c-1", code: "rate_limited", message: "too many at once", retry_after_ms: 60_000 });
  await world.pass(10);
  await refused;
  assert.equal(of(line.got, "send").length, 1);
});

test("a refusal of the second try is not the last word: the first may be taken yet", async () => {
  const world = new World();
  world.fixedRandom = 0.5; // the wait after the cut
  const { room, seen } = await world.joined();
  world.server.mute = true;
  const sent = room.send("hi", { id: "c-1" });
  await world.pass(10);
  world.server.line.end(1006); // taken, or not: nobody knows
  world.server.mute = false;
  world.server.busy = true;
  await world.pass(4000);
  assert.equal(of(world.server.line.got, "send").length, 4, "each second once more");
  world.server.busy = false;
  await world.pass(1100);
  assert.equal((await sent).seq, 1);
  await world.pass(60_000);
  assert.equal(of(world.server.line.got, "send").length, 5, "it has its answer");
  assert.equal(seen.take(), "1");
});

test("who does not know whether a send was stored is asked again, with the same id, until it does", async () => {
  const world = new World();
  const { room, seen, line } = await world.joined();
  world.server.mute = true;
  const sent = room.send("hi", { id: "c-1" });
  const never = assert.rejects(room.send("ho", { id: "c-2", timeoutMs: 5000 }), { code: "timeout" });
  for (let tries = 1; tries <= 3; tries++) {
    await world.pass(10);
    assert.deepEqual(of(line.got, "send").map((f) => f["id"]), Array.from({ length: tries }, () => ["c-1", "c-2"]).flat());
    for (const id of ["c-1", "c-2"]) line.say({ t: "refused", id, code: "unconfirmed", message: "may have been stored", retry_after_ms: tries === 3 ? 0 : 500 });
    await world.pass(500);
  }
  world.server.mute = false;
  await world.pass(490); // not after 500 ms: no time was named
  assert.equal(of(line.got, "send").length, 6);
  line.say({ t: "refused", id: "c-2", code: "unconfirmed", message: "may have been stored", retry_after_ms: 60_000 });
  await world.pass(50);
  assert.equal((await sent).seq, 1);
  await world.pass(5000);
  await never;
  assert.equal(seen.take(), "1");
});

test("a second try that is refused to the end times out: what became of the first is not known", async () => {
  const world = new World();
  world.fixedRandom = 0.5;
  const { room } = await world.joined({ sendTimeoutMs: 5000 });
  world.server.mute = true;
  const late = assert.rejects(room.send("hi", { id: "c-1" }), { code: "timeout" });
  const forbidden = assert.rejects(room.send("ho", { id: "c-2" }), { code: "forbidden" });
  await world.pass(10);
  world.server.line.end(1006);
  await world.pass(600);
  const { line } = world.server;
  const refused = { t: "refused", id: "c-1", code: "busy", message: "too many wait", retry_after_ms: 1000 };
  line.say(refused, refused, { t: "refused", id: "c-2", code: "forbidden", message: "no" });
  await world.pass(10);
  await forbidden; // trying again is no use
  await world.pass(1000);
  assert.deepEqual(of(line.got, "send").map((f) => f["id"]), ["c-1", "c-2", "c-1"]);
  line.say({ ...refused, retry_after_ms: 10_000 });
  await world.pass(20_000);
  await late;
  assert.equal(of(line.got, "send").length, 3, "it has its answer");
});

test("without a connection a send waits for one", async () => {
  const world = new World();
  const { room } = world.room();
  const sent = room.send("early");
  room.connect();
  await world.pass(10);
  assert.equal((await sent).seq, 1);
});

test("a send that is cut goes again with its id, and is one message", async () => {
  const world = new World();
  const { room, seen, line } = await world.joined();
  const sent = room.send("hi");
  await world.pass(1); // taken; the ack and the echo are on the wire
  line.end(1006);
  assert.equal(world.server.history.length, 1);
  await world.pass(1100);
  assert.equal((await sent).seq, 1);
  assert.equal(world.server.history.length, 1);
  assert.equal(seen.take(), "h1");
});

test("one that never arrived goes again after the welcome", async () => {
  const world = new World();
  const { room, line } = await world.joined();
  const sent = Promise.all([room.send("a", { id: "1" }), room.send("b", { id: "2" })]);
  line.end(1006);
  assert.equal(world.server.history.length, 0);
  await world.pass(1100);
  assert.deepEqual((await sent).map((s) => s.seq), [1, 2]);
});

test("one's own message answers for an ack that was lost", async () => {
  const world = new World();
  const { room, line } = await world.joined();
  world.server.mute = true;
  const sent = room.send("hi", { id: "c-1" });
  await world.pass(5);
  world.server.post("of another user", { user: "v", id: "c-1" });
  world.server.post("hi", { user: "u", id: "c-1" });
  await world.pass(5);
  assert.equal((await sent).seq, 2);
  line.end(1006);
  await world.pass(1100);
  assert.deepEqual(of(world.server.line.got, "send"), [], "it need not go again");
});

test("a send that goes again, is seen, and is then refused is no error: it was taken", async () => {
  const world = new World();
  const { room, seen, line } = await world.joined();
  world.server.mute = true;
  const sent = room.send("hi", { id: "c-1" });
  line.end(1006);
  await world.pass(1100); // it has gone again
  assert.equal(of(world.server.line.got, "send").length, 1);
  world.server.post("hi", { user: "u", id: "c-1" }); // its first try was stored
  await world.pass(5);
  assert.equal((await sent).seq, 1);
  world.server.line.say({ t: "refused", id: "c-1", code: "busy", message: "too many messages wait", retry_after_ms: 1000 });
  await world.pass(2000);
  assert.equal(seen.take(), "1", "the message, and no error");
});

test("heard locally while the store is away, a send still waits for its ack", async () => {
  const world = new World();
  const { room, line } = await world.joined();
  world.server.mute = true;
  const sent = room.send("hi", { id: "c-1" });
  line.say({ t: "batch", epoch: "l-n1-1", seq: 1, messages: [{ seq: 1, user_id: "u", body: "hi", id: "c-1" }] });
  await world.pass(20_000);
  line.say({ t: "ack", id: "c-1", epoch: "e1", seq: 7, ts: 5 });
  await world.pass(10);
  assert.deepEqual(await sent, { id: "c-1", epoch: "e1", seq: 7, ts: 5 });
});

test("a send whose time is over does not go again, though timers stood still while the machine slept: its id is forgotten", async () => {
  const world = new World();
  world.server.onJoin = 1;
  const { room, line } = await world.joined({ gapLimit: 0 });
  const late = assert.rejects(room.send("hi", { id: "c-1" }), { name: "SendError", code: "timeout", message: "cannot send: no answer in time" });
  await world.pass(1);
  assert.equal(world.server.seq, 1, "it is stored");
  line.die(); // with the ack
  world.sleep(200_000);
  for (let i = 0; i < 3; i++) world.server.store("of others");
  world.server.history = world.server.history.slice(2);
  await world.back();
  await world.pass(30_000);
  await late;
  assert.equal(world.server.lines.length, 2);
  assert.deepEqual(of(world.server.line.got, "send"), []);
});

test("no answer in time rejects; the bound keeps the id known", async () => {
  const world = new World();
  const { room } = await world.joined({ sendTimeoutMs: 3000 });
  world.server.mute = true;
  const byDefault = assert.rejects(room.send("a"), { code: "timeout" });
  const own = assert.rejects(room.send("b", { timeoutMs: 1000 }), { code: "timeout" });
  const bounded = assert.rejects(room.send("c", { timeoutMs: 1e9 }), { code: "timeout" });
  await world.pass(1000);
  await own;
  await world.pass(2000);
  await byDefault;
  await world.pass(97_000);
  await bounded;
});

test("the same id while it waits is the same send", async () => {
  const world = new World();
  const { room, line } = await world.joined();
  const both = Promise.all([room.send("a", { id: "x" }), room.send("a", { id: "x" })]);
  await world.pass(10);
  const [a, b] = await both;
  assert.equal(a!.seq, b!.seq);
  assert.equal(of(line.got, "send").length, 1);
});

test("what the protocol does not allow is refused here", async () => {
  const world = new World();
  const { room, line } = await world.joined();
  await assert.rejects(room.send("a", { id: "" }), { code: "invalid" });
  await assert.rejects(room.send("a", { id: "弹".repeat(22) }), { code: "invalid" });
  await assert.rejects(room.send("a", { id: "~1" }), { code: "invalid" });
  await assert.rejects(room.send("a", { id: "c-\ud800" }), { code: "invalid" }); // JSON would carry it as another id
  await assert.rejects(room.send("a", { id: 5 as never }), { code: "invalid" });
  await assert.rejects(room.send("a", { ext: 1n }), { code: "invalid" });
  await assert.rejects(room.send("弹".repeat(334)), { code: "invalid", message: /1002 bytes, the room takes 1000/ });
  for (const n of [0, -1, 1.5, NaN]) assert.throws(() => room.like(n), { code: "invalid" });
  const good = room.send("弹".repeat(333), { id: "i".repeat(64) });
  await world.pass(10);
  await good;
  assert.equal(line.got.length, 1);
  assert.equal(room.state.name, "open");
});

test("a body that is no string is none, whatever JSON would make of it", async () => {
  const world = new World();
  const { room, line } = await world.joined();
  for (const body of [undefined, null, 7, {}] as unknown[] as string[]) await assert.rejects(room.send(body), { name: "SendError", code: "invalid", message: /^cannot send: the body is no string/ });
  await world.pass(10);
  assert.equal(line.got.length, 0);
});

test("what is too long as it travels is refused here: the connection stands, and so does what waits", async () => {
  const world = new World();
  const { room, line } = await world.joined();
  world.server.mute = true;
  const waits = room.send("a", { id: "c-1" });
  const tooLong = { name: "SendError", code: "invalid", message: /^cannot send: as JSON the message has \d+ bytes, the room takes 1500$/ };
  await assert.rejects(room.send('"'.repeat(750)), tooLong);
  await assert.rejects(room.send("\u0001".repeat(250)), tooLong);
  await assert.rejects(room.send("x".repeat(1000), { ext: "y".repeat(500) }), tooLong);
  const frame = (body: string) => JSON.stringify({ t: "send", body, id: "c-2" }).length;
  const most = '"'.repeat((1500 - frame("")) / 2) + "x".repeat((1500 - frame("")) % 2);
  assert.equal(frame(most), 1500);
  await assert.rejects(room.send(most, { id: "c-22" }), tooLong);
  const fits = room.send(most, { id: "c-2" });
  await world.pass(10);
  assert.deepEqual(of(line.got, "send").map((f) => f["id"]), ["c-1", "c-2"]);
  line.say({ t: "ack", id: "c-1", seq: 1 }, { t: "ack", id: "c-2", seq: 2 });
  await world.pass(10);
  assert.deepEqual([(await waits).seq, (await fits).seq], [1, 2]);
});

test("at most 100 wait for an answer", async () => {
  const world = new World();
  const { room } = await world.joined();
  world.server.mute = true;
  const waiting = Array.from({ length: 100 }, () => assert.rejects(room.send("a"), { code: "closed" }));
  await assert.rejects(room.send("one too many"), { code: "overflow" });
  room.close();
  await Promise.all(waiting);
  await assert.rejects(room.send("after"), { code: "closed" });
});

test("a server that wants us gone rejects what waits with its reason", async () => {
  const world = new World();
  const { room, line } = await world.joined();
  world.server.mute = true;
  const banned = assert.rejects(room.send("a"), { code: "forbidden" });
  line.end(4403);
  await banned;
});

test("likes are merged: one op a second, of at most 100", async () => {
  const world = new World();
  const { room, line } = await world.joined();
  const likes = () => of(line.got, "like").map((f) => f["n"]);
  room.like();
  for (let i = 0; i < 150; i++) room.like();
  await world.pass(100);
  assert.deepEqual(likes(), [1]);
  await world.pass(1000);
  assert.deepEqual(likes(), [1, 100]);
  await world.pass(1000);
  assert.deepEqual(likes(), [1, 100, 50]);
  room.like(3);
  await world.pass(1000);
  assert.deepEqual(likes(), [1, 100, 50, 3]);
  assert.equal(world.server.likes, 154);
});

test("likes wait for a connection", async () => {
  const world = new World();
  const { room, line } = await world.joined();
  line.end(1006);
  room.like(5);
  await world.pass(1100);
  assert.equal(world.server.likes, 5);
});

test("a recall is done when the room hears of it", async () => {
  const world = new World();
  const { room, seen } = await world.joined();
  world.server.post("oops", { user: "u" });
  await world.pass(10);
  const done = room.recall(1);
  await world.pass(10);
  await done;
  assert.equal(seen.take(), "1, recalled 1");
});

test("a recall of a number that the socket does not count with is done when the server says so", async () => {
  const world = new World();
  const { room, line } = await world.joined();
  world.server.mute = true;
  const done = room.recall(3, "e0");
  await world.pass(10);
  const id = String(of(line.got, "recall")[0]!["id"]);
  line.say({ t: "recalled", seq: 0, by: "u", user_id: "u", id: "c-9", ts: 5 }, { t: "ack", id, epoch: "e0", seq: 3, ts: 0 });
  await world.pass(10);
  await done;
});

test("a recall that is refused rejects, with its id or without", async () => {
  const world = new World();
  const { room, seen, line } = await world.joined();
  const missing = assert.rejects(room.recall(9), { name: "SendError", code: "not_found" });
  await world.pass(10);
  await missing;
  world.server.mute = true;
  const old = assert.rejects(room.recall(1), { code: "too_old" });
  line.say({ t: "refused", id: "", code: "too_old", message: "too old" });
  await world.pass(10);
  await old;
  assert.equal(seen.take(), "");
});

test("a recall that is cut goes again", async () => {
  const world = new World();
  const { room, line } = await world.joined();
  world.server.post("oops", { user: "u" });
  await world.pass(10);
  const done = room.recall(1);
  line.end(1006);
  await world.pass(1100);
  await done;
  assert.equal(world.server.history[0]!.recalled, true);
});

test("a recall whose answer was cut off, and that finds nothing the second time, has been done", async () => {
  const world = new World();
  const { room, seen, line } = await world.joined();
  world.server.post("oops", { user: "u" });
  await world.pass(10);
  const done = room.recall(1);
  await world.pass(1); // taken; the frame about it is on the wire
  line.end(1006);
  assert.equal(world.server.history[0]!.recalled, true);
  // and the node that has us next knows nothing of it
  world.server.history = world.server.recalls.splice(0, 1).slice(1);
  await world.pass(1100);
  await done;
  assert.deepEqual(of(world.server.line.got, "recall").length, 1);
  assert.equal(seen.take(), "1, recalled 1");
});

test("a recall names the epoch of its number, so that it never takes another message", async () => {
  const world = new World();
  const { room, line } = await world.joined();
  const sent = room.send("oops");
  await world.pass(10);
  const { seq, epoch } = await sent;
  const other = assert.rejects(room.recall(seq, "e0"), { name: "SendError", code: "other_epoch" });
  await world.pass(10);
  await other;
  const done = room.recall(seq, epoch);
  await world.pass(10);
  await done;
  void room.recall(seq).catch(() => {});
  await world.pass(10);
  assert.deepEqual(of(line.got, "recall").map((r) => [r["seq"], r["epoch"]]), [[1, "e0"], [1, epoch], [1, room.epoch]]);
});

test("a recall that waits when the room counts anew still names its epoch, and is answered", async () => {
  const world = new World();
  const { room, line } = await world.joined();
  world.server.post("oops", { user: "u" });
  await world.pass(10);
  world.server.mute = true;
  let done = false;
  void room.recall(1).then(() => (done = true));
  line.say({ t: "epoch", epoch: "l-n-1", seq: 0 }); // the node is alone for a while
  line.say({ t: "recalled", seq: 1, by: "u", user_id: "u", id: "c-9", ts: 5 }); // that is another message
  await world.pass(10);
  assert.equal(done, false);
  const id = String(of(line.got, "recall")[0]!["id"]);
  line.say({ t: "ack", id, epoch: "e1", seq: 1, ts: 0 });
  await world.pass(10);
  assert.equal(done, true);
});

test("an ack without a number is success: the message is stored, though its number is not known any more", async () => {
  const world = new World();
  const { room, line } = await world.joined();
  world.server.mute = true;
  const sent = room.send("hi", { id: "c-1" });
  line.say({ t: "ack", id: "c-1", seq: 0, ts: 5 });
  await world.pass(10);
  assert.deepEqual(await sent, { id: "c-1", epoch: "", seq: 0, ts: 5 });
  line.end(1006);
  await world.pass(1100);
  assert.deepEqual(of(world.server.line.got, "send"), []);
});

test("a recall without a number answers no recall", async () => {
  const world = new World();
  const { room, line } = await world.joined();
  world.server.mute = true;
  const asked = assert.rejects(room.recall(7), { code: "bad_request" });
  line.say({ t: "recalled", seq: 0, by: "v", user_id: "v", id: "c-1", ts: 5 });
  await world.pass(10);
  line.say({ t: "refused", id: "", code: "bad_request", message: "seq is 7" });
  await world.pass(10);
  await asked;
});
