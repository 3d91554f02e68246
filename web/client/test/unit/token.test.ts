// Tokens: how they travel, what none is, and what comes of one that a server refuses.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Room, type RoomOptions } from "../../src/index.js";
import { Giver, World } from "../world.js";

/** odd are tokens that a header or a URL would change, were they put there as they are. */
const odd = ["令牌 \u{1F600}", "é", " a b ", "a+b/c=d&e?f#g", "a,b;c\"d", "x".repeat(4096), "弹".repeat(1365)];

for (const token of ["t", ...odd]) {
  test(`a token of any text comes through, by socket and by HTTP: ${token.slice(0, 20)}`, async () => {
    const world = new World();
    const { room, line } = await world.joined({ token });
    assert.equal(line.token, token);
    assert.match(line.protocols.join(), /^barrage\.v1,bearer\.[A-Za-z0-9_-]+$/, "a browser takes no other protocols");
    assert.equal(line.url.searchParams.has("token"), false, "logs have URLs");
    const asked = room.messages();
    await world.pass(10);
    await asked;
    const query = new URL(world.server.requests[0]!, "http://x").searchParams.get("token"), header = world.server.authorizations[0] ?? null;
    assert.deepEqual([query, header], /^[!-~]+$/.test(token) || token.startsWith("a,") ? [null, `Bearer ${token}`] : [token, null]);
    line.end(1006);
    await world.pass(1100);
    assert.equal(room.state.name, "open");
  });
}

test("a token beyond Latin-1 that the server refuses is said: the question why gets through, too", async () => {
  const world = new World();
  world.server.refusals = [{ status: 403, body: { error: { code: "forbidden", message: "no" } } }];
  const { room, seen } = await world.joined({ token: "令牌" });
  assert.deepEqual([room.state.name, room.state.reason], ["closed", "forbidden"]);
  assert.equal(seen.take(), "error forbidden");
});

const none: unknown[] = ["", "x".repeat(4097), "弹".repeat(1366), "a\nb", "a\u0000", "\u007f", "\u0085", "\ud800", "a\udc00b", null, 7, {}, ["t"]];

test("what is no token is refused at once, where it is given", () => {
  const good = { room: "42", userId: "u", url: "ws://h", WebSocket: new World().server.WebSocket };
  for (const token of none) {
    assert.throws(() => new Room({ ...good, token } as RoomOptions), { code: "bad_token", message: /^the token (has|is) / }, JSON.stringify(token));
  }
});

test("what is no token closes the room at once, where a function gives it; no request goes out", async () => {
  for (const token of [...none, undefined]) {
    const world = new World();
    const { room, seen } = await world.joined({ token: (() => token) as () => string });
    await world.pass(100_000);
    assert.deepEqual([room.state.name, room.state.reason, room.state.closeCode], ["closed", "bad_token", 0], JSON.stringify(token));
    assert.equal(seen.take(), "error bad_token");
    await assert.rejects(room.messages(), { name: "HttpError", status: 0, code: "bad_token" });
    assert.deepEqual([world.server.lines.length, world.server.requests.length, world.timers], [0, 0, 0]);
  }
});

test("no error says the token", async () => {
  const world = new World();
  const { seen } = await world.joined({ token: () => "secret\n" });
  const [error] = seen.all.at(-1)!.args;
  assert.doesNotMatch((error as Error).message, /secret/);
});

test("a listener that closes the room at an error of the token function has it closed", async () => {
  const world = new World();
  const { room } = world.room({ token: () => Promise.reject(new Error("logged out")) });
  room.on("error", () => room.close());
  room.connect();
  await world.pass(10);
  assert.deepEqual([room.state.name, room.state.reason, world.timers], ["closed", "close", 0]);
});

for (const name of ["getToken", "token"] as const) {
  test(`${name}: a function is asked before each connection where nobody knows how long a token lives; one that rejects is asked again`, async () => {
    const world = new World(), giver = new Giver();
    giver.next = (n) => (n === 2 ? Promise.reject(new Error("login is down")) : `t${n}`);
    const { room, seen, line } = await world.joined({ [name]: giver.give } as Partial<RoomOptions>);
    assert.equal(line.token, "t1");
    line.end(1006);
    await world.pass(4000);
    assert.equal(seen.take(), "error unauthenticated");
    assert.deepEqual(seen.states.slice(2), ["waiting lost", "connecting retry", "waiting unauthenticated", "connecting retry", "open welcome"]);
    assert.deepEqual([room.state.name, world.server.line.token], ["open", "t3"]);
  });
}

test("a token that is known to be fresh is not asked for again, by sockets or by HTTP", async () => {
  const world = new World(), giver = new Giver();
  world.fixedRandom = 0.1; // short waits
  world.server.auth = { auth_expires_ms: 100_000 };
  const { room } = await world.joined({ getToken: giver.give });
  for (let i = 0; i < 5; i++) {
    world.server.line.end(1006);
    const asked = room.messages();
    await world.pass(4000);
    await asked;
  }
  assert.deepEqual([giver.asked, room.state.name, new Set(world.server.lines.map((l) => l.token))], [1, "open", new Set(["t1"])]);
  room.close();
  room.connect();
  await world.pass(10);
  assert.equal(world.server.line.token, "t2", "after a close it begins anew");
});

const renewable = ["unauthenticated", "token_expired", "token_revoked"];

for (const code of renewable) {
  test(`refused with ${code}: a function is asked once for another token, and the room comes back after a wait`, async () => {
    const world = new World(), giver = new Giver();
    world.fixedRandom = 0.5;
    world.server.judge = (token) => (token === "t1" ? code : undefined);
    const { room, seen } = await world.joined({ getToken: giver.give });
    assert.deepEqual([room.state.name, room.state.reason, room.state.retryInMs], ["waiting", code, 500]);
    await world.pass(600);
    assert.deepEqual([room.state.name, giver.asked, world.server.line.token], ["open", 2, "t2"]);
    assert.equal(seen.take(), "");
  });

  test(`refused with ${code} twice in a row: closed, and nothing is asked again`, async () => {
    const world = new World(), giver = new Giver();
    world.server.judge = (token) => (token === "t1" ? "token_expired" : code);
    const { room, seen } = await world.joined({ getToken: giver.give });
    await world.pass(200_000);
    assert.deepEqual([room.state.name, room.state.reason, giver.asked, world.server.lines.length, world.timers], ["closed", code, 2, 2, 0]);
    assert.equal(seen.take(), `error ${code}`);
    world.server.judge = undefined;
    room.connect(); // the application has mended it
    await world.pass(10);
    assert.deepEqual([room.state.name, world.server.line.token], ["open", "t3"]);
  });

  test(`refused with ${code}, and the function has no other token: closed, and the server is not asked again`, async () => {
    const world = new World(), giver = new Giver();
    giver.next = () => "the same";
    world.server.judge = () => code;
    const { room, seen } = await world.joined({ getToken: giver.give });
    await world.pass(200_000);
    assert.deepEqual([room.state.name, room.state.reason, giver.asked, world.server.lines.length, world.timers], ["closed", code, 2, 1, 0]);
    assert.equal(seen.take(), `error ${code}`);
    world.server.judge = undefined;
    room.connect();
    await world.pass(10);
    assert.equal(room.state.name, "open", "the same token may be good now");
  });

  test(`refused with ${code}, and there is no function: closed at once`, async () => {
    const world = new World();
    world.server.judge = () => code;
    const { room, seen } = await world.joined();
    await world.pass(200_000);
    assert.deepEqual([room.state.name, room.state.reason, world.server.lines.length], ["closed", code, 1]);
    assert.equal(seen.take(), `error ${code}`);
  });
}

test("refused, and the function rejects for a while: it is asked until it gives a token", async () => {
  const world = new World(), giver = new Giver();
  giver.next = (n) => (n > 1 && n < 5 ? Promise.reject(new Error("login is down")) : `t${n}`);
  world.server.judge = (token) => (token === "t1" ? "token_expired" : undefined);
  const { room, seen } = await world.joined({ getToken: giver.give });
  await world.pass(100_000);
  assert.deepEqual([room.state.name, world.server.line.token], ["open", "t5"]);
  assert.equal(seen.take(), "error unauthenticated, error unauthenticated, error unauthenticated");
});

test("close code 4401: a function is asked for another token; a refusal after a welcome is the first one again", async () => {
  const world = new World(), giver = new Giver();
  const { room, seen } = await world.joined({ getToken: giver.give });
  for (let n = 2; n < 6; n++) {
    world.server.post("live");
    await world.pass(10);
    world.server.line.end(4401);
    assert.deepEqual([room.state.name, room.state.reason, room.state.closeCode], ["waiting", "unauthenticated", 4401]);
    await world.pass(20_000);
    assert.deepEqual([room.state.name, world.server.line.token], ["open", `t${n}`]);
  }
  assert.equal(seen.take(), "1, 2, 3, 4", "nothing is lost, nothing is an error");
});

test("close code 4401 when the token's life is over says so", async () => {
  const world = new World();
  world.server.auth = { auth_expires_ms: 60_000 };
  const { room, seen, line } = await world.joined();
  await world.pass(85_000);
  line.end(4401);
  assert.deepEqual([room.state.name, room.state.reason], ["closed", "token_expired"]);
  assert.equal(seen.take(), "error token_expired");
});

test("replaced by a newer login, 4410 or 401: closed, and no token is asked for: that would end the newer login", async () => {
  const world = new World(), giver = new Giver();
  const { room, seen, line } = await world.joined({ getToken: giver.give });
  line.end(4410);
  await world.pass(200_000);
  assert.deepEqual([room.state.name, room.state.reason, room.state.closeCode, giver.asked], ["closed", "token_replaced", 4410, 1]);
  world.server.judge = () => "token_replaced";
  room.connect();
  await world.pass(200_000);
  assert.deepEqual([room.state.name, room.state.reason, giver.asked, world.timers], ["closed", "token_replaced", 2, 0]);
  assert.equal(seen.take(), "error token_replaced, error token_replaced");
});

test("a refusal that is not about the token asks for no other one", async () => {
  const world = new World(), giver = new Giver();
  world.server.refusals = [{ status: 403, body: { error: { code: "forbidden", message: "no" } } }];
  const { room } = await world.joined({ getToken: giver.give });
  await world.pass(100_000);
  assert.deepEqual([room.state.reason, giver.asked], ["forbidden", 1]);
});

test("close while another token is asked for: nothing goes on", async () => {
  const world = new World(), giver = new Giver();
  let give = (_: string) => {};
  giver.next = (n) => (n === 2 ? new Promise((resolve) => (give = resolve)) : `t${n}`);
  world.server.judge = (token) => (token === "t1" ? "token_revoked" : undefined);
  const { room } = await world.joined({ getToken: giver.give });
  await world.pass(1100);
  assert.deepEqual([room.state.name, giver.asked], ["connecting", 2]);
  room.close();
  give("late");
  await world.pass(1000);
  assert.deepEqual([room.state.name, world.server.lines.length, world.timers], ["closed", 1, 0]);
});

test("a function that never settles: after 30 s it is as if it had rejected, and what comes later counts for nothing", async () => {
  const world = new World(), giver = new Giver();
  world.fixedRandom = 0.5; // a wait of 500 ms
  let give = (_: string) => {};
  giver.next = (n) => (n === 1 ? new Promise((resolve) => (give = resolve)) : `t${n}`);
  const { room, seen } = await world.joined({ getToken: giver.give });
  await world.pass(29_900);
  assert.deepEqual([room.state.name, seen.take()], ["connecting", ""]);
  await world.pass(200);
  assert.deepEqual([room.state.name, room.state.reason, seen.take()], ["waiting", "unauthenticated", "error unauthenticated"]);
  const [error] = seen.all.filter((s) => s.event === "error").at(-1)!.args;
  assert.equal((error as Error).message, "cannot get a token: Error: none came within 30 s");
  give("late");
  await world.pass(1000);
  assert.deepEqual([room.state.name, giver.asked, world.server.lines.map((l) => l.token)], ["open", 2, ["t2"]]);
});

test("a function that never settles: history rejects after 30 s, and at a close at once", async () => {
  const world = new World();
  const { room } = world.room({ getToken: () => new Promise<string>(() => {}) });
  const failed = assert.rejects(room.messages(), { name: "HttpError", status: 0, code: "unauthenticated" });
  await world.pass(30_100);
  await failed;
  room.connect();
  const closed = assert.rejects(room.messages(), { name: "HttpError", status: 0, code: "closed" });
  await world.pass(10);
  room.close();
  await closed;
  assert.deepEqual([room.state.name, room.state.reason, world.timers, world.server.requests], ["closed", "close", 0, []]);
});
