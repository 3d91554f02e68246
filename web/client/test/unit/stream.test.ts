// Order: each message once, in order, or named in a gap.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Message } from "../../src/index.js";
import { answer, World } from "../world.js";

/** storeMany lets the server store n messages that nobody receives. */
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

test("equal messages of one millisecond without an id, as original FastIM nodes have them: numbers tell them apart", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  const said = (...numbers: number[]) => numbers.map((seq) => ({ seq, user_id: "v", body: "666", ts: 5, id: "" }));
  const batch = (...numbers: number[]) => ({ t: "batch", epoch: "e1", seq: numbers[0], messages: said(...numbers) });
  line.say(batch(1, 2, 3), batch(2, 3), batch(4));
  await world.pass(10);
  assert.equal(seen.take(), "1, 2, 3, 4");
  line.end(1006);
  world.server.handshake = (next) => {
    next.accept();
    next.say({ t: "welcome", epoch: "e1", seq: 6, recovered: false, messages: said(3, 4, 5, 6) });
  };
  await world.pass(1100);
  assert.equal(seen.take(), "h5, h6");
});

test("what has a number that is none is no message: in whole numbers there would be no way to it", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  const none = [0.5, 1.5, -1, 2 ** 53 + 2, 1e300, null, "1"].map((seq) => ({ seq, user_id: "v", body: "odd" }));
  line.say({ t: "batch", epoch: "e1", seq: 0.5, messages: none }, { t: "gap", from: 0.5, to: 0.9, reason: "shed" });
  line.say({ t: "batch", epoch: "l-n1-1", seq: 0.5, messages: none }, { t: "epoch", epoch: "e1", seq: 0.5 });
  world.server.post("one");
  await world.pass(20);
  assert.equal(seen.take(), "epoch e1 0, 1");
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

/** keyed is a recall of who and what the message names. */
const keyed = (seq: number, fields: object) => ({ t: "recalled", seq, by: "v", user_id: "v", id: "", ts: 0, ...fields });

test("a message that was taken back before it came is not shown when it comes: by id, or without one by ts", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  storeMany(world, 5);
  const [, , three, four] = world.server.history;
  four!.id = "";
  four!.ts = 9;
  line.say(world.server.batch(3, 3), keyed(3, { id: three!.id }), keyed(0, { ts: 9 }), world.server.batch(4, 5));
  await world.pass(20);
  assert.equal(seen.take(), "recalled 3, recalled 0, h1, h2, 5");
  assert.deepEqual(seen.all.find((s) => s.event === "recalled")!.args, [{ seq: 3, by: "v", userId: "v", id: three!.id, ts: 0 }]);
});

test("a recall that comes twice is handed on once; one that names a number alone is handed on each time", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  world.server.post("a");
  line.say(keyed(1, { id: "~1" }), keyed(0, { id: "~1" }), keyed(1, { id: "", ts: 5 }), keyed(1, { id: "", ts: 5 }));
  line.say({ t: "recalled", seq: 1, by: "v" }, { t: "recalled", seq: 1, by: "v" });
  await world.pass(10);
  assert.equal(seen.take(), "1, recalled 1, recalled 1, recalled 1, recalled 1");
});

test("what history shows as recalled is no message", async () => {
  const world = new World();
  storeMany(world, 3);
  world.server.history[1]!.recalled = true;
  const { seen } = await world.joined();
  assert.equal(seen.take(), "h1, recalled 2, h3");
});

test("an epoch frame says where numbers go on, in whichever epoch: nothing is fetched", async () => {
  const world = new World();
  const { room, seen, line } = await world.joined();
  for (let i = 0; i < 3; i++) world.server.post("old");
  line.say({ t: "epoch", epoch: "e2", seq: 7 });
  await world.pass(10);
  assert.deepEqual([seen.take(), room.epoch, room.seq], ["1, 2, 3, epoch e2 7", "e2", 7]);
  const said = (epoch: string, seq: number) => ({ t: "batch", epoch, seq, messages: [{ seq, user_id: "v", id: `${epoch}-${seq}` }] });
  line.say(said("e2", 8), { t: "epoch", epoch: "e1", seq: 1 }, said("e1", 2), { t: "epoch", epoch: "e1", seq: 90 }, said("e1", 91));
  line.say({ t: "epoch", epoch: "e2", seq: 7 }, said("e2", 8), said("e2", 9));
  await world.pass(20);
  assert.equal(seen.take(), "8, epoch e1 1, 2, epoch e1 90, 91, epoch e2 7, 9", "e2-8 came before");
  assert.deepEqual(world.server.requests, []);
});

test("an epoch frame waits for what is fetched before it", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  storeMany(world, 3);
  line.say(world.server.batch(3, 3), { t: "epoch", epoch: "e1", seq: 3 });
  await world.pass(20);
  assert.equal(seen.take(), "h1, h2, 3, epoch e1 3");
});

test("a batch of another epoch goes on there", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  world.server.post("old");
  await world.pass(10);
  world.server.restartCounting("e2");
  storeMany(world, 2);
  line.say(world.server.batch(2, 2));
  await world.pass(20);
  assert.equal(seen.take(), "1, epoch e2 1, 2");
});

test("history that says a message twice", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  storeMany(world, 3);
  line.say(world.server.batch(3, 3));
  world.server.onHttp = () => answer(200, { epoch: "e1", messages: [2, 1, 2, 3].map((seq) => ({ seq, id: `~${seq}` })) });
  await world.pass(20);
  assert.equal(seen.take(), "h1, h2, 3");
});

for (const [whose, said] of [["of another epoch", { epoch: "e2" }], ["of an epoch that it does not name", {}]] as const) {
  test(`history ${whose} fills no hole`, async () => {
    const world = new World();
    const { seen, line } = await world.joined();
    storeMany(world, 3);
    line.say(world.server.batch(3, 3));
    world.server.onHttp = () => answer(200, { ...said, messages: [{ seq: 1, body: "of another count" }] });
    await world.pass(20);
    assert.equal(seen.take(), "gap 1-2 missed, 3");
  });
}

/** local is a batch of an epoch of a node that is cut off. */
const local = (seq: number, fields: object) => ({ t: "batch", epoch: "l-n1-1", seq, messages: [{ seq, user_id: "v", body: "local", ...fields }] });

test("the store away: what was heard locally does not come again, what others said does", async () => {
  const world = new World();
  const { seen } = await world.joined();
  for (let i = 0; i < 3; i++) world.server.post("before");
  world.server.goLocal("l-n1-1");
  for (let i = 0; i < 3; i++) world.server.post("local");
  await world.pass(10);
  assert.equal(seen.take(), "1, 2, 3, epoch l-n1-1 0, 1, 2, 3");
  world.server.comeBack(2);
  world.server.post("after");
  await world.pass(20);
  assert.equal(seen.take(), "epoch e1 3, 4, 5, epoch e1 8, 9");
  assert.deepEqual(world.server.requests, []);
});

test("a message of before there were ids is known by its sender, its ts and its body", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  line.say(local(1, { ts: 9 }), local(2, { ts: 10 }), local(3, { ts: 10, body: "other" }), local(4, { ts: 10, user_id: "w" }));
  line.say({ t: "epoch", epoch: "l-n1-1", seq: 0 }, local(1, { ts: 10 }), local(2, { ts: 11 }));
  await world.pass(10);
  assert.equal(seen.take(), "epoch l-n1-1 0, 1, 2, 3, 4, epoch l-n1-1 0, 2");
});

test("a sender's id is another message's after two minutes, a node's id never is", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  const said = (seq: number, id: string, ts: number) => ({ t: "batch", epoch: "e1", seq, messages: [{ seq, user_id: "v", id, ts }] });
  line.say(said(1, "c-1", 1000), said(2, "~1", 1000), said(3, "c-1", 121_000), said(4, "c-1", 121_001), said(5, "c-1", 1000), said(6, "~1", 1e9));
  await world.pass(10);
  assert.equal(seen.take(), "1, 2, 4");
});

/** comesBack cuts the connection; the client is welcomed again after what while does. */
async function comesBack(world: World, meanwhile: () => void): Promise<void> {
  world.server.line.end(1006);
  meanwhile();
  await world.pass(1100);
}

test("the store away, from node to node: a welcome's messages are new behind the first one known", async () => {
  const world = new World();
  const { room, seen } = await world.joined();
  for (let i = 0; i < 3; i++) world.server.post("before");
  await world.pass(10);
  await comesBack(world, () => {
    world.server.store("of the last moment"); // 4 in the store
    world.server.goLocal("l-n1-1");
    world.server.store("first");
  });
  world.server.post("second");
  await world.pass(10);
  assert.equal(seen.take(), "1, 2, 3, epoch l-n1-1 1, hof the last moment, hfirst, 2");
  assert.deepEqual(seen.all.filter((s) => s.event === "message").map((s) => (s.args[0] as Message).seq), [1, 2, 3, 0, 0, 2]);
  await comesBack(world, () => world.server.store("third"));
  assert.deepEqual([seen.take(), room.seq], ["epoch l-n1-1 3, hthird", 3]);
  assert.deepEqual(world.server.requests, []);
});

test("the store away at the return, and what was missed is more than the welcome has: named in numbers of before, and not fetched", async () => {
  const world = new World();
  world.server.onJoin = 3;
  const { seen } = await world.joined();
  world.server.post("before");
  await world.pass(10);
  await comesBack(world, () => {
    storeMany(world, 9);
    world.server.goLocal("l-n1-1");
    world.server.store("local");
  });
  assert.equal(seen.take(), "1, gap 2-8 missed, epoch l-n1-1 1, hm7, hm8, hlocal");
  await comesBack(world, () => {
    for (let i = 0; i < 4; i++) world.server.store(`said ${i}`);
  });
  assert.equal(seen.take(), "gap 2-2 missed, epoch l-n1-1 5, hsaid 1, hsaid 2, hsaid 3", "how many is not known: one at least");
  assert.deepEqual(world.server.requests, []);
});

test("the store away at the return, and nothing was missed", async () => {
  const world = new World();
  const { seen } = await world.joined();
  for (let i = 0; i < 2; i++) world.server.post("before");
  await world.pass(10);
  await comesBack(world, () => world.server.goLocal("l-n1-1"));
  assert.equal(seen.take(), "1, 2, epoch l-n1-1 0");
});

test("the store away at the first welcome: its messages have no numbers there", async () => {
  const world = new World();
  storeMany(world, 900);
  world.server.onJoin = 2;
  world.server.goLocal("l-n1-1");
  const { room, seen } = await world.joined();
  assert.deepEqual([seen.take(), room.seq, room.epoch], ["hm898, hm899", 0, "l-n1-1"]);
  world.server.post("local");
  world.server.comeBack(0);
  world.server.post("after");
  await world.pass(20);
  assert.equal(seen.take(), "1, epoch e1 900, epoch e1 901, 902");
  assert.deepEqual(world.server.requests, []);
});

test("the store away: a local epoch has no history to ask", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  line.say({ t: "epoch", epoch: "l-n1-1", seq: 2 }, local(4, {}));
  await world.pass(20);
  assert.equal(seen.take(), "epoch l-n1-1 2, gap 3-3 missed, 4");
  assert.deepEqual(world.server.requests, []);
});

test("an empty room has no epoch: the first message's is no new one, whether it comes live or while away", async () => {
  for (const away of [false, true]) {
    const world = new World();
    world.server.epoch = "";
    const { seen, line } = await world.joined();
    world.server.epoch = "e1";
    const first = () => storeMany(world, 2);
    if (away) await comesBack(world, first);
    else first(), line.say(world.server.batch(2, 2));
    await world.pass(20);
    assert.equal(seen.take(), away ? "h1, h2" : "h1, 2");
  }
});

test("the store has gone back, and the room counts on in another epoch: what is known does not come again, at the return", async () => {
  const world = new World();
  const { room, seen } = await world.joined();
  for (let i = 0; i < 6; i++) world.server.post("a");
  await world.pass(10);
  await comesBack(world, () => {
    world.server.goBack(2, "e2");
    storeMany(world, 3);
  });
  world.server.post("b");
  await world.pass(10);
  assert.equal(seen.take(), "1, 2, 3, 4, 5, 6, epoch e2 4, h5, h6, h7, 8");
  assert.deepEqual([room.epoch, room.seq, world.server.requests], ["e2", 8, []]);
});

test("the store has gone back and nobody noticed: fewer messages than we had, or another one under our number", async () => {
  for (const more of [0, 1, 2, 3]) {
    const world = new World();
    const { room, seen } = await world.joined();
    for (let i = 0; i < 6; i++) world.server.post("a");
    await world.pass(10);
    await comesBack(world, () => {
      world.server.goBack(2, "e1");
      storeMany(world, more); // 2: the same number as we had
    });
    world.server.post("b");
    await world.pass(10);
    const news = Array.from({ length: more }, (_, i) => `h${i + 5}, `).join("");
    assert.equal(seen.take(), `1, 2, 3, 4, 5, 6, epoch e1 4, ${news}${more + 5}`);
    assert.deepEqual([room.seq, world.server.requests], [more + 5, []]);
  }
});

test("the store has gone back and nobody noticed, and what has our number now was said again: it is ours, and not our count", async () => {
  for (const onJoin of [50, 1]) {
    const world = new World();
    world.server.onJoin = onJoin;
    const { seen } = await world.joined();
    for (const body of ["1", "2", "3", "4", "V", "X"]) world.server.post(body, { id: body });
    await world.pass(10);
    await comesBack(world, () => {
      world.server.goBack(2, "e1");
      for (const body of ["A", "V"]) world.server.store(body, { id: body });
      if (onJoin === 1) world.server.store("B", { id: "B" }); // the message with our number is not in the welcome
    });
    assert.equal(seen.take(), `1, 2, 3, 4, 5, 6, epoch e1 4, h5${onJoin === 1 ? ", h7" : ""}`);
  }
});

test("a node that is a little behind: nothing is lost or shown twice", async () => {
  const world = new World();
  const { room, seen } = await world.joined();
  for (let i = 0; i < 6; i++) world.server.post("a");
  await world.pass(10);
  await comesBack(world, () => {
    world.server.behind = 3;
    world.server.store("b");
  });
  assert.deepEqual([seen.take(), room.seq], ["1, 2, 3, 4, 5, 6, epoch e1 4, 7", 7]);
});

test("another epoch, and a welcome that knows none of ours: older messages are fetched, and the known ones dropped", async () => {
  const world = new World();
  world.server.onJoin = 2;
  const { seen } = await world.joined({ gapLimit: 6 });
  for (let i = 0; i < 6; i++) world.server.post("a");
  await world.pass(10);
  await comesBack(world, () => {
    world.server.goBack(1, "e2");
    storeMany(world, 5); // 6 to 10
  });
  assert.equal(seen.take(), "1, 2, 3, 4, 5, 6, epoch e2 5, h6, h7, h8, h9, h10");
  assert.deepEqual(world.server.requests, ["/v1/rooms/42/messages?before=9&limit=6"]);
});

test("another epoch, and history knows none of ours either: all is handed on, and what may lie before is named", async () => {
  const world = new World();
  world.server.onJoin = 2;
  const { seen } = await world.joined({ gapLimit: 4 });
  for (let i = 0; i < 6; i++) world.server.post("a");
  await world.pass(10);
  await comesBack(world, () => {
    world.server.goBack(1, "e2");
    storeMany(world, 15); // 6 to 20
  });
  assert.equal(seen.take(), "1, 2, 3, 4, 5, 6, epoch e2 0, gap 1-14 missed, h15, h16, h17, h18, h19, h20");
});

test("what was heard locally proves nothing at the return: other nodes' messages may stand before it, and are fetched", async () => {
  const world = new World();
  world.server.onJoin = 2;
  const { seen } = await world.joined();
  for (let i = 0; i < 2; i++) world.server.post("a");
  world.server.goLocal("l-n1-1");
  for (let i = 0; i < 3; i++) world.server.post("local");
  await world.pass(10);
  await comesBack(world, () => world.server.comeBack(2)); // 3 and 4; then 5 to 7, of which the welcome has two
  assert.equal(seen.take(), "1, 2, epoch l-n1-1 0, 1, 2, 3, epoch e1 2, h3, h4");
  assert.deepEqual(world.server.requests, ["/v1/rooms/42/messages?before=6&limit=5"]);
});

test("what the store lost and was told again proves nothing at the return: another message may stand before it, and is fetched", async () => {
  const world = new World();
  world.server.onJoin = 2;
  const { seen } = await world.joined();
  for (let i = 0; i < 2; i++) world.server.post("a");
  world.server.post("said again", { id: "c-1" });
  await world.pass(10);
  await comesBack(world, () => {
    world.server.goBack(1, "e2");
    world.server.store("of another node"); // 3
    world.server.store("said again", { id: "c-1" }); // 4
  });
  assert.equal(seen.take(), "1, 2, 3, epoch e2 2, h3");
  assert.deepEqual(world.server.requests, ["/v1/rooms/42/messages?before=3&limit=2"]);
});

test("one that is back under its number does not prove what stands before it, where the store has lost both", async () => {
  for (const onJoin of [1, 2]) {
    const world = new World();
    world.server.onJoin = onJoin;
    const { seen } = await world.joined();
    for (let i = 0; i < 3; i++) world.server.post("a");
    world.server.post("said again", { id: "c-1" });
    await world.pass(10);
    await comesBack(world, () => {
      world.server.goBack(2, "e2");
      world.server.store("of another node"); // 3
      world.server.store("said again", { id: "c-1" }); // 4
    });
    assert.equal(seen.take(), "1, 2, 3, 4, epoch e2 2, h3");
  }
});

test("nor does it prove what stands before others that the welcome has", async () => {
  const world = new World();
  world.server.onJoin = 3;
  const { seen } = await world.joined();
  const post = (body: string, how: "post" | "store" = "post") => world.server[how](body, { id: body });
  for (const body of ["1", "2", "P", "4", "5", "Q"]) post(body);
  await world.pass(10);
  await comesBack(world, () => {
    world.server.goBack(4, "e2");
    for (const body of ["A", "P", "B", "Q"]) post(body, "store"); // P has another number, Q has its own
  });
  assert.equal(seen.take(), "1, 2, 3, 4, 5, 6, epoch e2 2, h3, h5");
});

test("what was taken back joins nothing: what stands before it is fetched", async () => {
  const world = new World();
  world.server.onJoin = 3;
  const { seen } = await world.joined();
  for (let i = 0; i < 3; i++) world.server.post("a");
  const { ts } = world.server.post("said again", { id: "c-1" });
  await world.pass(10);
  await comesBack(world, () => {
    world.server.goBack(3, "e2");
    world.server.store("taken back").recalled = true; // 2
    world.server.store("of another node"); // 3
    world.server.store("said again", { id: "c-1" }).ts = ts; // a node that repeats a batch keeps it
  });
  assert.equal(seen.take(), "1, 2, 3, 4, epoch e2 2, h3");
});

test("a welcome's messages above its seq come again by themselves", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  const { ts } = world.server.post("a");
  await world.pass(10);
  line.end(1006);
  world.server.handshake = (next) => {
    next.accept();
    const messages = [1, 2, 3].map((seq) => ({ seq, user_id: "v", id: `~${seq}`, ts }));
    next.say({ t: "welcome", epoch: "e2", seq: 2, recovered: false, messages }, { t: "batch", epoch: "e2", seq: 3, messages: messages.slice(2) });
  };
  await world.pass(1100);
  assert.equal(seen.take(), "1, epoch e2 1, h2, 3");
});

test("another epoch, of a store that has lost all: everything is new, and nothing lies before", async () => {
  const world = new World();
  world.server.onJoin = 2;
  const { seen } = await world.joined();
  world.server.post("a");
  await world.pass(10);
  await comesBack(world, () => {
    world.server.restartCounting("e2");
    storeMany(world, 4);
  });
  assert.equal(seen.take(), "1, epoch e2 0, h1, h2, h3, h4");
});

test("another epoch, of a store that is empty", async () => {
  const world = new World();
  const { room, seen } = await world.joined();
  world.server.post("a");
  await world.pass(10);
  await comesBack(world, () => world.server.restartCounting(""));
  assert.deepEqual([seen.take(), room.seq, world.server.requests], ["1, epoch  0", 0, []]);
});

test("another epoch: what is older than all that was seen is from before we came", async () => {
  const world = new World();
  world.server.onJoin = 1;
  storeMany(world, 4);
  await world.pass(1);
  world.server.store("lost");
  const { seen } = await world.joined();
  world.server.post("lost");
  await world.pass(10);
  assert.equal(seen.take(), "h5, 6");
  await comesBack(world, () => {
    world.server.goBack(2, "e2"); // the messages that we saw are gone
    storeMany(world, 2); // 5, 6
  });
  assert.equal(seen.take(), "epoch e2 4, h5, h6");
});

test("another epoch, whose history cannot be had: what lies before the welcome's messages is named", async () => {
  for (const gapLimit of [0, 500]) {
    const world = new World();
    world.server.onJoin = 2;
    const { seen } = await world.joined({ gapLimit });
    world.server.post("a");
    await world.pass(10);
    world.server.onHttp = () => answer(403, {});
    await comesBack(world, () => {
      world.server.goBack(0, "e2");
      storeMany(world, 3);
    });
    assert.equal(seen.take(), "1, epoch e2 0, gap 1-2 missed, h3, h4");
    assert.equal(world.server.requests.length, gapLimit === 0 ? 0 : 1);
  }
});

test("a cut while another epoch's history is fetched: the place is still the old one", async () => {
  const world = new World();
  world.server.onJoin = 1;
  const { room, seen } = await world.joined();
  world.server.post("a");
  await world.pass(10);
  world.server.onHttp = () => new Promise(() => {});
  await comesBack(world, () => {
    world.server.goBack(0, "e2");
    storeMany(world, 2);
  });
  world.server.post("live");
  await world.pass(10);
  assert.deepEqual([seen.take(), room.epoch, room.seq], ["1", "e1", 1]);
  world.server.onHttp = undefined;
  await comesBack(world, () => {});
  assert.equal(world.server.line.url.searchParams.get("epoch"), "e1");
  assert.equal(seen.take(), "epoch e2 1, h2, h3, h4");
});

test("a store that went back by more than is remembered shows nothing twice", async () => {
  const world = new World();
  const { seen, line } = await world.joined({ gapLimit: 100 });
  const { server } = world;
  for (let i = 1; i <= 16_384; i++) {
    server.store("m").ts = i;
    if (i % 4096 === 0) line.say(server.batch(i - 4095, i));
  }
  await world.pass(10);
  assert.equal(seen.log.length, 16_384);
  seen.take();
  await comesBack(world, () => {
    server.goBack(15_000, "e2");
    server.store("new").ts = 20_000;
  });
  assert.equal(seen.take(), "epoch e2 1384, h1385");
});

test("what was taken back counts as known after a change of epoch too", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  for (let i = 0; i < 3; i++) world.server.post("a");
  line.say(keyed(0, { id: "c-9", ts: 5 }));
  await world.pass(10);
  await comesBack(world, () => {
    world.server.goBack(1, "e2");
    world.server.store("taken back", { id: "c-9" }).ts = 5;
    world.server.store("stays");
  });
  assert.equal(seen.take(), "1, 2, 3, recalled 0, epoch e2 2, h4");
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
  const { searchParams } = world.server.line.url;
  assert.deepEqual([searchParams.get("epoch"), searchParams.get("since")], ["e1", "1"]);
});

test("a listener that closes the room as it opens hears of no welcome", async () => {
  const world = new World();
  world.server.store("a");
  const { room, seen } = world.room();
  room.on("state", ({ name }) => name === "open" && room.close());
  room.connect();
  await world.pass(20);
  assert.deepEqual([seen.all.filter(({ event }) => event !== "message").length, seen.take(), room.state.name, world.timers], [0, "", "closed", 0]);
});

test("gone back under the same epoch, which nobody noticed, and gone on by more than a welcome has: nothing is missing", async () => {
  const world = new World();
  world.server.onJoin = 2;
  const { seen } = await world.joined();
  for (let i = 0; i < 6; i++) world.server.post("a");
  await world.pass(10);
  world.server.line.end(1006);
  world.server.goBack(2, "e1"); // 5 and 6 are lost
  for (let i = 0; i < 8; i++) world.server.store(`n${i}`); // 5 to 12
  await world.pass(5000);
  const bodies = seen.all.filter((s) => s.event === "message").map((s) => (s.args[0] as { body: string }).body);
  assert.deepEqual(bodies, ["a", "a", "a", "a", "a", "a", "n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7"]);
});
