// A token is renewed before its life ends, on the connection that stands.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Giver, World, type FakeSocket } from "../world.js";

/** minute in ms. */
const minute = 60_000;

/** lives is a Room whose tokens live for so long, at the middle of all chance. */
async function lives(ms: number, random: number | undefined = 0.5) {
  const world = new World(), giver = new Giver();
  world.fixedRandom = random;
  world.server.auth = { auth_expires_ms: ms };
  return { world, giver, ...(await world.joined({ getToken: giver.give })) };
}

/** offered are the tokens that were offered on a connection. */
const offered = (line: FakeSocket) => line.got.filter((f) => f["t"] === "auth").map((f) => f["token"]);

test("at 90 % of its life a token is renewed, and the next one at 90 % of its own", async () => {
  const { world, giver, room, seen, line } = await lives(10 * minute);
  await world.pass(9 * minute - 100);
  assert.deepEqual([giver.asked, offered(line)], [1, []]);
  world.server.auth = { auth_expires_ms: 100 * minute, can: ["read", "send", "moderate"] };
  await world.pass(200);
  assert.deepEqual([giver.asked, offered(line), seen.take()], [2, ["t2"], `auth ${100 * minute}`]);
  assert.deepEqual(room.can, ["read", "send", "moderate"]);
  await world.pass(89 * minute);
  assert.deepEqual(offered(line), ["t2"]);
  world.server.auth = { auth_expires_ms: 0 };
  await world.pass(2 * minute);
  assert.deepEqual([offered(line), seen.take()], [["t2", "t3"], "auth 0"]);
  assert.deepEqual(room.can, ["read", "send", "moderate"], "nothing was said of it");
  await world.pass(1000 * minute);
  assert.deepEqual([giver.asked, world.server.lines.length, room.state.name], [3, 1, "open"], "the last one lives for ever");
});

test("not all come at once: between 85 and 95 % of the life", async () => {
  for (const [random, percent] of [[0, 85], [0.999999, 95]] as const) {
    const { world, giver } = await lives(100_000, random);
    await world.pass(percent * 1000 - 100);
    assert.equal(giver.asked, 1);
    await world.pass(200);
    assert.equal(giver.asked, 2);
  }
});

test("the new token is the one that is used then: by HTTP, and by the next connection", async () => {
  const { world, giver, room, line } = await lives(10 * minute);
  await world.pass(9.1 * minute);
  const asked = room.messages();
  await world.pass(10);
  await asked;
  assert.deepEqual(world.server.authorizations, ["Bearer t2"]);
  line.end(1006);
  await world.pass(1100);
  assert.deepEqual([world.server.line.token, giver.asked], ["t2", 2]);
  await world.pass(9 * minute);
  assert.deepEqual(offered(world.server.line), ["t3"]);
});

test("a life longer than a timer takes is waited for in parts", async () => {
  const { world, giver, line } = await lives(2 ** 32);
  await world.pass(0.9 * 2 ** 32 - 1000);
  assert.equal(giver.asked, 1);
  await world.pass(2000);
  assert.deepEqual(offered(line), ["t2"]);
});

test("no life, or no function: nothing is renewed", async () => {
  const world = new World();
  world.server.auth = { auth_expires_ms: minute };
  const { room, line } = await world.joined();
  const giver = new Giver();
  world.server.auth = { auth_expires_ms: 0 };
  const other = world.room({ getToken: giver.give });
  other.room.connect();
  await world.pass(1000 * minute);
  assert.deepEqual([room.state.name, giver.asked, offered(line), offered(world.server.line)], ["open", 1, [], []]);
});

for (const [what, wake] of [
  ["a page that is seen again", (world: World) => world.back()],
  ["a frame that comes", async (world: World) => void world.server.post("hi")],
] as const) {
  test(`after a sleep in which timers stood still, ${what} has the token renewed at once`, async () => {
    const { world, giver, line } = await lives(10 * minute);
    world.server.heartbeatMs = 0;
    world.sleep(9.5 * minute);
    assert.equal(giver.asked, 1);
    await wake(world);
    await world.pass(10);
    assert.deepEqual([giver.asked, offered(line)], [2, ["t2"]]);
    await world.back();
    assert.equal(giver.asked, 2, "it is not asked for twice");
  });
}

test("a server that cannot say now is offered the same token when it wants", async () => {
  const { world, giver, seen, line } = await lives(10 * minute);
  world.server.authRefusals = [{ code: "unavailable", retry_after_ms: 3000 }, { code: "busy" }, { code: "rate_limited", retry_after_ms: 50 }];
  await world.pass(9 * minute + 2900);
  assert.deepEqual(offered(line), ["t2"]);
  await world.pass(200);
  assert.deepEqual(offered(line), ["t2", "t2"]);
  await world.pass(2000);
  assert.deepEqual([offered(line), giver.asked, seen.take()], [["t2", "t2", "t2", "t2"], 2, `auth ${10 * minute}`]);
  assert.equal(new Set(line.got.filter((f) => f["t"] === "auth").map((f) => f["id"])).size, 4, "each under an id of its own");
});

for (const code of ["unauthenticated", "token_expired", "token_revoked", "forbidden", "bad_request"]) {
  test(`a new token that is refused as ${code}: said, the connection goes on, and at its end the next one is asked for`, async () => {
    const { world, giver, room, seen, line } = await lives(10 * minute);
    world.server.authRefusals = [{ code }];
    await world.pass(10 * minute);
    assert.deepEqual([room.state.name, giver.asked, offered(line), seen.take()], ["open", 2, ["t2"], `error ${code}`]);
    line.end(4401);
    assert.equal(room.state.reason, "token_expired");
    await world.pass(1100);
    assert.deepEqual([room.state.name, world.server.line.token, giver.asked], ["open", "t3", 3]);
  });
}

test("a new token that was replaced: final, and no other one is asked for", async () => {
  const { world, giver, room, seen } = await lives(10 * minute);
  world.server.authRefusals = [{ code: "token_replaced" }];
  await world.pass(100 * minute);
  assert.deepEqual([room.state.name, room.state.reason, giver.asked, world.timers, seen.take()], ["closed", "token_replaced", 2, 0, "error token_replaced"]);
});

test("what is no token closes the room, also when it is renewed", async () => {
  const { world, giver, room, seen } = await lives(10 * minute);
  giver.next = () => undefined as never;
  await world.pass(100 * minute);
  assert.deepEqual([room.state.name, room.state.reason, giver.asked, world.timers, seen.take()], ["closed", "bad_token", 2, 0, "error bad_token"]);
});

test("a function that rejects is asked again, later each time, while the connection goes on", async () => {
  const { world, giver, room, seen, line } = await lives(10 * minute);
  giver.next = (n) => (n < 5 ? Promise.reject(new Error("login is down")) : `t${n}`);
  await world.pass(9 * minute + 4000); // 0.5, 1 and 2 s
  assert.deepEqual([room.state.name, giver.asked, offered(line)], ["open", 5, ["t5"]]);
  assert.equal(seen.take(), `error unauthenticated, error unauthenticated, error unauthenticated, auth ${10 * minute}`);
});

test("a function that gives the same token is asked a few times more until the end, and at the end", async () => {
  const { world, giver, room, line } = await lives(10 * minute);
  giver.next = (n) => (n < 7 ? "t1" : `t${n}`);
  await world.pass(10 * minute + 24_000);
  assert.deepEqual([room.state.name, offered(line)], ["open", []]);
  assert.ok(giver.asked >= 3 && giver.asked <= 6, `${giver.asked} times`);
  giver.asked = 6;
  line.end(4401);
  await world.pass(1100);
  assert.equal(world.server.line.token, "t7");
});

test("a life of next to nothing is no loop", async () => {
  const { world, giver, line } = await lives(1);
  await world.pass(10_000);
  assert.ok(giver.asked <= 11 && offered(line).length >= 9, `${giver.asked} times in 10 s`);
});

test("a cut, a close or another connection while a token is asked for or offered: nothing is said twice, nothing is left", async () => {
  for (const wait of ["asked", "offered"]) {
    const { world, giver, room, seen, line } = await lives(10 * minute);
    let give = () => {};
    if (wait === "asked") giver.next = (n) => (n === 2 ? new Promise((resolve) => (give = () => resolve("late"))) : `t${n}`);
    await world.pass(9 * minute - 100);
    world.server.mute = wait === "offered";
    await world.pass(200);
    line.end(1006);
    world.server.mute = false;
    await world.pass(1100);
    give();
    await world.pass(100);
    assert.deepEqual([room.state.name, world.server.line.token, offered(world.server.line), seen.take()], ["open", "t3", [], ""], wait);
    room.close();
    await world.pass(0);
    assert.equal(world.timers, 0);
  }
});

test("an answer that nobody waits for changes nothing, and what else is refused is not taken for one", async () => {
  const { world, room, seen, line } = await lives(10 * minute);
  line.say({ t: "auth", id: "", expires_ms: 5, can: [] }, { t: "auth", id: "a-1", expires_ms: 5, can: [] }, { t: "refused", id: "", code: "bad_request", message: "?" });
  await world.pass(1000);
  assert.deepEqual([seen.take(), room.can], ["error bad_request", ["read", "send", "like", "recall"]]);
  assert.deepEqual(offered(line), []);
});

test("a function that never settles does not end renewals: after 30 s it is asked again", async () => {
  const { world, giver, room, seen, line } = await lives(10 * minute);
  giver.next = (n) => (n === 2 ? new Promise<string>(() => {}) : `t${n}`);
  await world.pass(9 * minute + 31_000);
  assert.deepEqual([giver.asked, offered(line), room.state.name], [3, ["t3"], "open"]);
  assert.equal(seen.take(), `error unauthenticated, auth ${10 * minute}`);
});
