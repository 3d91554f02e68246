// Order: each message once, in order, or named in a gap.

import assert from "node:assert/strict";
import { test } from "node:test";
import { answer, World } from "../world.js";

/** storeMany lets the server store n messages that nobody is told of. */
function storeMany(world: World, n: number): void {
  for (let i = 0; i < n; i++) world.server.store(`m${i}`);
}

test("the welcome's messages are history, what follows is live", async () => {
  const world = new World();
  storeMany(world, 3);
  const { room, seen } = await world.joined();
  world.server.post("live");
  await world.pass(10);
  assert.equal(seen.take(), "h1, h2, h3, 4");
  assert.equal(room.seq, 4);
  assert.equal(room.epoch, "e1");
});

test("what was said before the newest of the welcome is not missing", async () => {
  const world = new World();
  world.server.onJoin = 2;
  storeMany(world, 9);
  const { seen } = await world.joined();
  assert.equal(seen.take(), "h8, h9");
  assert.deepEqual(world.server.requests, []);
});

test("a message has all its fields", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  line.say({ t: "batch", epoch: "e1", seq: 1, messages: [{ seq: 1, kind: "gift", user_id: "3", body: "hi", ts: 5, id: "c-1", ext: { n: [1] } }] });
  await world.pass(10);
  const event = seen.all.at(-1)!;
  assert.deepEqual(event.args, [{ seq: 1, kind: "gift", userId: "3", body: "hi", ts: 5, id: "c-1", ext: { n: [1] }, recalled: false }, { history: false }]);
});

test("duplicates are dropped", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  world.server.post("a");
  world.server.post("b");
  line.say(world.server.batch(1, 2), world.server.batch(2, 2));
  world.server.post("c");
  await world.pass(10);
  assert.equal(seen.take(), "1, 2, 3");
});

test("what has a number that is none is no message: in whole numbers there would be no way to it", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  const none = [0.5, 1.5, -1, 2 ** 53 + 2, 1e300, null, "1"].map((seq) => ({ seq, user_id: "v", body: "odd" }));
  line.say({ t: "batch", epoch: "e1", seq: 0.5, messages: none }, { t: "gap", from: 0.5, to: 0.9, reason: "shed" });
  line.say({ t: "batch", epoch: "l-n1-1", seq: 0.5, messages: none }, { t: "epoch", epoch: "e1", seq: 0.5 });
  world.server.post("one");
  await world.pass(20);
  assert.equal(seen.take(), "1");
  assert.deepEqual(world.server.requests, []);
});

test("a hole is filled from history while newer messages wait", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  storeMany(world, 5);
  line.say(world.server.batch(1, 2), world.server.batch(5, 5));
  world.server.post("six");
  await world.pass(1);
  assert.equal(seen.take(), "1, 2");
  await world.pass(10);
  assert.equal(seen.take(), "h3, h4, 5, 6");
  assert.deepEqual(world.server.requests, ["/v1/rooms/42/messages?before=5&limit=2"]);
});

for (const reason of ["slow", "lost"]) {
  test(`a ${reason} gap is fetched, and what history lacks is named`, async () => {
    const world = new World();
    const { seen, line } = await world.joined();
    storeMany(world, 6);
    world.server.history = world.server.history.filter((m) => m.seq !== 2 && m.seq !== 5);
    line.say({ t: "gap", from: 1, to: 5, reason }, world.server.batch(6, 6));
    await world.pass(10);
    assert.equal(seen.take(), `h1, gap 2-2 ${reason}, h3, h4, gap 5-5 ${reason}, 6`);
  });
}

test("a shed gap is named at once: nobody has it", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  storeMany(world, 6);
  line.say(world.server.batch(1, 1), { t: "gap", from: 2, to: 4, reason: "shed" }, world.server.batch(5, 6));
  await world.pass(10);
  assert.equal(seen.take(), "1, gap 2-4 shed, 5, 6");
  assert.deepEqual(world.server.requests, []);
});

test("a hole before a gap has its own reason", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  storeMany(world, 6);
  world.server.history = [];
  line.say(world.server.batch(1, 1), { t: "gap", from: 3, to: 4, reason: "shed" }, { t: "gap", from: 2, to: 4, reason: "slow" });
  await world.pass(20);
  assert.equal(seen.take(), "1, gap 2-2 missed, gap 3-4 shed");
});

test("only the newest of a long gap are fetched, page by page", async () => {
  const world = new World();
  const { seen, line } = await world.joined({ gapLimit: 700 });
  storeMany(world, 1000);
  line.say({ t: "gap", from: 1, to: 1000, reason: "slow" });
  await world.pass(100);
  const log = seen.take().split(", ");
  assert.equal(log[0], "gap 1-300 slow");
  assert.deepEqual([log.length, log[1], log.at(-1)], [701, "h301", "h1000"]);
  assert.deepEqual(world.server.requests, ["/v1/rooms/42/messages?before=1001&limit=500", "/v1/rooms/42/messages?before=501&limit=200"]);
});

test("gapLimit 0 fetches nothing", async () => {
  const world = new World();
  const { seen, line } = await world.joined({ gapLimit: 0 });
  storeMany(world, 3);
  line.say(world.server.batch(3, 3));
  await world.pass(10);
  assert.equal(seen.take(), "gap 1-2 missed, 3");
  assert.deepEqual(world.server.requests, []);
});

test("history that fails is asked again, then the gap is named", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  storeMany(world, 3);
  world.server.onHttp = () => answer(503, { error: { code: "full", message: "full", retry_after_ms: 100 } });
  line.say(world.server.batch(3, 3));
  await world.pass(10);
  assert.equal(seen.take(), "", "the live message must wait");
  await world.pass(3000);
  assert.equal(seen.take(), "gap 1-2 missed, 3");
  assert.equal(world.server.requests.length, 2);
});

test("history that fails once is had at the second try", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  storeMany(world, 3);
  world.server.onHttp = () => (world.server.requests.length === 1 ? Promise.reject(new TypeError("fetch failed")) : undefined);
  line.say(world.server.batch(3, 3));
  await world.pass(3000);
  assert.equal(seen.take(), "h1, h2, 3");
});

for (const [why, status, body] of [
  ["forbids", 403, { error: { code: "forbidden", message: "no" } }],
  ["wants a long wait", 429, { error: { code: "rate_limited", message: "later", retry_after_ms: 60_000 } }],
] as const) {
  test(`history that ${why} is given up at once`, async () => {
    const world = new World();
    const { seen, line } = await world.joined();
    storeMany(world, 3);
    world.server.onHttp = () => answer(status, body);
    line.say(world.server.batch(3, 3));
    await world.pass(20);
    assert.equal(seen.take(), "gap 1-2 missed, 3");
  });
}

test("history that never answers holds the room back for seconds only", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  storeMany(world, 3);
  world.server.onHttp = () => new Promise(() => {});
  line.say(world.server.batch(3, 3));
  await world.pass(12_000);
  assert.equal(seen.take(), "gap 1-2 missed, 3");
});

test("no more than 2,000 messages wait for history", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  storeMany(world, 2100);
  world.server.onHttp = () => new Promise(() => {});
  line.say(world.server.batch(3, 1000));
  await world.pass(10);
  assert.equal(seen.log.length, 0);
  line.say(world.server.batch(1001, 2100));
  await world.pass(10);
  assert.deepEqual([seen.log.length, seen.log[0], seen.log[1], seen.log.at(-1)], [2099, "gap 1-2 missed", "3", "2100"]);
});

test("a recall comes after the message it takes back", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  storeMany(world, 3);
  line.say(world.server.batch(3, 3), { t: "recalled", seq: 3, by: "v" });
  world.server.post("four");
  line.say({ t: "recalled", seq: 4, by: "v" });
  await world.pass(20);
  assert.equal(seen.take(), "h1, h2, 3, recalled 3, 4, recalled 4");
});

test("what history shows as recalled is no message", async () => {
  const world = new World();
  storeMany(world, 3);
  world.server.history[1]!.recalled = true;
  const { seen } = await world.joined();
  assert.equal(seen.take(), "h1, recalled 2, h3");
});

test("a new epoch forgets seqs and loads what it has", async () => {
  const world = new World();
  const { room, seen, line } = await world.joined();
  for (let i = 0; i < 3; i++) world.server.post("old");
  await world.pass(10);
  world.server.restartCounting("e2");
  storeMany(world, 2);
  line.say({ t: "epoch", epoch: "e2", seq: 2 });
  world.server.post("new");
  await world.pass(20);
  assert.equal(seen.take(), "1, 2, 3, epoch e2, h1, h2, 3");
  assert.equal(room.epoch, "e2");
});

test("a batch of another epoch is a new epoch; said twice it is one", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  world.server.post("old");
  await world.pass(10);
  world.server.restartCounting("e2");
  storeMany(world, 2);
  line.say(world.server.batch(2, 2), { t: "epoch", epoch: "e2", seq: 2 });
  await world.pass(20);
  assert.equal(seen.take(), "1, epoch e2, h1, 2");
});

test("history that says a message twice", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  storeMany(world, 3);
  line.say(world.server.batch(3, 3));
  world.server.onHttp = () => answer(200, { epoch: "e1", messages: [{ seq: 2 }, { seq: 1 }, { seq: 2 }, { seq: 3 }] });
  await world.pass(20);
  assert.equal(seen.take(), "h1, h2, 3");
});

test("history of another epoch fills no hole", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  storeMany(world, 3);
  line.say(world.server.batch(3, 3));
  world.server.onHttp = () => answer(200, { epoch: "e2", messages: [{ seq: 1, body: "of another count" }] });
  await world.pass(20);
  assert.equal(seen.take(), "gap 1-2 missed, 3");
});

/** local is a batch of an epoch of a node that is cut off. */
const local = (seq: number, fields: object) => ({ t: "batch", epoch: "l-n1-1", seq, messages: [{ seq, user_id: "v", body: "local", ...fields }] });

test("the store away: what was heard locally does not come again, what others said does", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  for (let i = 0; i < 3; i++) world.server.post("before");
  await world.pass(10);
  line.say({ t: "epoch", epoch: "l-n1-1", seq: 0 }, local(1, { id: "c-1" }), local(2, { ts: 9 }), local(3, { ts: 10 }));
  await world.pass(10);
  assert.equal(seen.take(), "1, 2, 3, epoch l-n1-1, 1, 2, 3");
  world.server.store("local", { id: "c-1" }); // 4
  world.server.store("of another node"); // 5
  world.server.store("local").ts = 9; // 6
  world.server.store("local").ts = 11; // 7: the same words, at another time
  line.say({ t: "epoch", epoch: "e1", seq: 7 });
  world.server.post("after");
  await world.pass(20);
  assert.equal(seen.take(), "epoch e1, h5, h7, 8");
  assert.deepEqual(world.server.requests, ["/v1/rooms/42/messages?before=8&limit=4"]);
});

test("the store away, back, and away again: each epoch goes on where it was", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  world.server.post("before");
  line.say({ t: "epoch", epoch: "l-n1-1", seq: 0 }, local(1, {}), { t: "epoch", epoch: "e1", seq: 1 });
  line.say({ t: "epoch", epoch: "l-n1-1", seq: 1 }, local(2, { ts: 2 }), { t: "epoch", epoch: "e1", seq: 1 });
  world.server.post("after");
  await world.pass(20);
  assert.equal(seen.take(), "1, epoch l-n1-1, 1, epoch e1, epoch l-n1-1, 2, epoch e1, 2");
  assert.deepEqual(world.server.requests, []);
});

test("the store away, from node to node: what was heard on one does not come again on the other", async () => {
  const world = new World();
  const { seen } = await world.joined();
  for (let i = 0; i < 3; i++) world.server.post("before");
  await world.pass(10);
  const goTo = async (epoch: string, seq: number) => {
    world.server.epoch = epoch;
    world.server.seq = seq;
    world.server.line.end(1006);
    await world.pass(1100);
  };
  await goTo("l-n1-1", 0); // the welcome has messages 1 to 3 of e1
  world.server.line.say(local(1, { id: "c-1" }));
  await world.pass(10);
  await goTo("l-n2-1", 2);
  world.server.line.say({ ...local(3, { id: "c-1" }), epoch: "l-n2-1" }, { ...local(4, { id: "c-2" }), epoch: "l-n2-1" });
  await world.pass(10);
  assert.equal(seen.take(), "1, 2, 3, epoch l-n1-1, 1, epoch l-n2-1, gap 1-2 missed, 4");
  assert.deepEqual(world.server.requests, []);
});

test("the store away, in a room that was empty: what other nodes had said is not from before", async () => {
  const world = new World();
  world.server.epoch = "";
  const { seen, line } = await world.joined();
  line.say(local(1, { id: "c-1" }));
  world.server.epoch = "e1";
  world.server.store("of another node");
  world.server.store("local", { id: "c-1" });
  line.say({ t: "epoch", epoch: "e1", seq: 2 });
  world.server.post("after");
  await world.pass(20);
  assert.equal(seen.take(), "epoch l-n1-1, 1, epoch e1, h1, 3");
});

test("an empty room has no epoch: the first message's is no new one", async () => {
  const world = new World();
  world.server.epoch = "";
  const { seen, line } = await world.joined();
  world.server.epoch = "e1";
  storeMany(world, 2);
  line.say({ t: "epoch", epoch: "e1", seq: 0 }, world.server.batch(2, 2));
  await world.pass(20);
  assert.equal(seen.take(), "h1, 2");
});

test("the store away: a local epoch has no history to ask", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  line.say({ t: "epoch", epoch: "l-n1-1", seq: 2 }, local(4, {}));
  await world.pass(20);
  assert.equal(seen.take(), "epoch l-n1-1, gap 1-2 missed, gap 3-3 missed, 4");
  assert.deepEqual(world.server.requests, []);
});

test("the store away at the first welcome: what history has later is from before", async () => {
  const world = new World();
  storeMany(world, 900);
  world.server.epoch = "l-n1-1";
  world.server.seq = 0;
  world.server.onJoin = 2;
  const { seen, line } = await world.joined();
  line.say(local(1, {}), { t: "epoch", epoch: "e1", seq: 900 });
  world.server.epoch = "e1";
  world.server.seq = 900;
  world.server.post("after");
  await world.pass(20);
  assert.equal(seen.take(), "h899, h900, 1, epoch e1, 901");
});

test("a listener that closes the room sees nothing more, and loses nothing", async () => {
  const world = new World();
  storeMany(world, 3);
  const { room, seen } = world.room();
  const off = room.on("message", () => room.close());
  room.connect();
  await world.pass(20);
  assert.equal(seen.take(), "h1");
  off();
  room.connect();
  await world.pass(20);
  assert.equal(seen.take(), "h2, h3");
  assert.equal(world.server.line.url.search, "?user_id=u&token=t&epoch=e1&since=1");
});
