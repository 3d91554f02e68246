// Connecting, staying connected, coming back, and when not to.

import assert from "node:assert/strict";
import { test } from "node:test";
import { realEnv } from "../../src/env.js";
import { Room, type RoomOptions, type Welcome } from "../../src/index.js";
import { World, type Json } from "../world.js";

/** open are the rules of a room whose server says nothing of rules. */
const open = { v: "", slowMs: 0, frozen: false, who: "all", tags: [], firstDelayMs: 0, dupS: 0, uniqueS: 0, links: "allow", emoteOnly: false, maxCaps: 0, minLevel: 0, review: "off", pinned: undefined, cleared: 0 };

test("the handshake names room, user, token and subprotocol", async () => {
  const world = new World();
  world.server.rules = { room: "a/b 弹" };
  const { room, seen, line } = await world.joined({ room: "a/b 弹", url: "wss://fake/edge?x=1" });
  assert.equal(line.url.href, "wss://fake/edge/v1/rooms/a%2Fb%20%E5%BC%B9/ws?user_id=u");
  assert.deepEqual(line.protocols, ["barrage.v1", "bearer.dA"]);
  assert.deepEqual(seen.states, ["connecting connect", "open welcome"]);
  assert.deepEqual(seen.all[0]!.args, [
    { room: "a/b 弹", userId: "u", guest: false, can: ["read", "send", "like", "recall"], role: "", authExpiresMs: 0, node: "n1", epoch: "e1", seq: 0, online: 1, likes: 0, total: 0, recovered: false, limits: { maxBodyBytes: 1000, maxFrameBytes: 1500, recallMs: 60_000, ratePerSecond: 5, burst: 10 }, modes: open, you: { role: "", mutedUntil: 0, reason: "", can: ["read", "send", "like", "recall"] } },
  ]);
  assert.deepEqual([room.online, room.likes, room.state.name], [1, 0, "open"]);
});

test("limits that an older server does not name: a frame of twice the body, two minutes for a recall; what it names counts, 0 too", async () => {
  for (const [said, maxFrameBytes, recallMs] of [[{}, 2000, 120_000], [{ max_frame_bytes: 1500, recall_ms: 0 }, 1500, 0]] as const) {
    const world = new World();
    world.server.limits = { max_body_bytes: 1000, ...said };
    const { seen } = await world.joined();
    const { limits } = seen.all.find((s) => s.event === "welcome")!.args[0] as Welcome;
    assert.deepEqual([limits.maxFrameBytes, limits.recallMs], [maxFrameBytes, recallMs]);
  }
});

test("what was taken back while away is said at the return, once, and not to who is new", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  for (const body of ["a", "b", "c"]) world.server.post(body);
  await world.pass(10);
  line.end(1006);
  world.server.recall(2);
  world.server.post("d");
  await world.pass(1100);
  assert.equal(seen.take(), "1, 2, 3, recalled 2, h4");
  assert.deepEqual(seen.all.find((s) => s.event === "recalled")!.args, [{ seq: 2, by: "u", userId: "v", id: "~2", ts: world.server.history[1]!.ts }]);
  world.server.line.end(1006);
  await world.pass(1100);
  assert.equal(seen.take(), "", "the welcome has it again");
  const newcomer = world.room();
  newcomer.room.connect();
  await world.pass(10);
  assert.equal(newcomer.seen.take(), "h1, recalled 2, h3, h4");
});

test("what is no list of recalls takes nothing back", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  world.server.post("a");
  await world.pass(10);
  for (const recalled of [undefined, "1", 7, { 0: 1 }, [0, -1, "1", null, 1.5]]) line.say({ t: "welcome", epoch: "e1", seq: 1, messages: [], recalled });
  await world.pass(10);
  assert.equal(seen.take(), "1");
});

test("after a cut it resumes where it was, and loses nothing", async () => {
  const world = new World();
  const { room, seen, line } = await world.joined();
  world.server.post("a");
  await world.pass(10);
  world.server.post("on the wire");
  line.end(1006);
  assert.deepEqual([room.state.name, room.state.reason, room.state.closeCode], ["waiting", "lost", 1006]);
  world.server.post("while away");
  await world.pass(1100);
  assert.equal(world.server.line.url.search, `?user_id=u&epoch=e1&since=1&ts=${world.server.history[0]!.ts}`);
  assert.equal(seen.take(), "1, h2, h3");
  assert.deepEqual(world.server.requests, []);
});

test("what could not be resumed is fetched, the rest named", async () => {
  const world = new World();
  world.server.onJoin = 2;
  const { seen, line } = await world.joined({ gapLimit: 4 });
  world.server.post("a");
  await world.pass(10);
  line.end(1006);
  for (let i = 0; i < 8; i++) world.server.store("while away");
  world.server.history.splice(0, 2); // trimmed: not complete any more
  await world.pass(1100);
  assert.equal(seen.take(), "1, gap 2-3 missed, h4, h5, h6, h7, h8, h9");
});

test("a welcome whose messages end before its seq: the rest is fetched at once", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  line.end(1006);
  world.server.handshake = (next) => {
    next.accept();
    next.say({ t: "welcome", epoch: "e1", seq: 3, recovered: false, messages: [{ seq: 1, body: "a", id: "~1" }] });
  };
  for (let i = 0; i < 3; i++) world.server.store("while away");
  await world.pass(1100);
  assert.equal(seen.take(), "h1, h2, h3");
});

test("a new epoch met at the welcome", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  world.server.post("a");
  await world.pass(10);
  line.end(1006);
  world.server.restartCounting("e2");
  world.server.store("b");
  await world.pass(1100);
  assert.equal(seen.take(), "1, epoch e2 0, h1");
});

test("what was taken back while away is said at the return, though the room counts anew", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  for (const body of ["a", "b"]) world.server.post(body);
  await world.pass(10);
  line.end(1006);
  world.server.recall(1);
  world.server.restartCounting("e2");
  world.server.store("c");
  await world.pass(1100);
  assert.equal(seen.take(), "1, 2, recalled 0, epoch e2 0, h1");
});

test("the ts of the message where it resumes is named where it is known", async () => {
  const world = new World();
  world.fixedRandom = 0.1; // short waits
  const { seen } = await world.joined();
  const named = async () => {
    world.server.line.end(1006);
    await world.pass(1100);
    const { searchParams } = world.server.line.url;
    return [searchParams.get("since"), searchParams.get("ts")];
  };
  assert.deepEqual(await named(), ["0", null]);
  const { ts } = world.server.post("a");
  await world.pass(10);
  assert.deepEqual(await named(), ["1", String(ts)]);
  world.server.line.say({ t: "gap", from: 2, to: 2, reason: "shed" });
  world.server.store("shed");
  await world.pass(10);
  assert.deepEqual(await named(), ["2", null], "that message was not had");
  world.server.tellPlace();
  await world.pass(10);
  assert.deepEqual(await named(), ["2", String(world.server.history[1]!.ts)]);
  assert.equal(seen.take(), "1, gap 2-2 shed, epoch e1 2");
});

test("a cut while history is fetched: the next welcome brings it", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  for (let i = 0; i < 3; i++) world.server.store("a");
  world.server.onHttp = () => new Promise(() => {});
  line.say(world.server.batch(3, 3));
  await world.pass(10);
  line.end(1006);
  await world.pass(1100);
  assert.equal(seen.take(), "h1, h2, h3");
});

test("back-off: full jitter up to a bound that doubles, to the cap, and is short again after a steady time", async () => {
  const world = new World();
  const { room } = await world.joined({ backoffBaseMs: 100, backoffCapMs: 1000 });
  world.fixedRandom = 0.5;
  const waits: number[] = [];
  for (let i = 0; i < 6; i++) {
    world.server.line.end(1006);
    waits.push(room.state.retryInMs!);
    assert.equal(room.state.retryAt, world.now() + room.state.retryInMs!);
    await world.pass(room.state.retryInMs! + 5);
    assert.equal(room.state.name, "open");
  }
  assert.deepEqual(waits, [50, 100, 200, 400, 500, 500]);
  await world.pass(10_000);
  world.server.line.end(1006);
  assert.equal(room.state.retryInMs, 50);
  world.fixedRandom = 0;
  room.close();
});

test("the default bounds are 1 s and 30 s", async () => {
  const world = new World();
  const { room } = await world.joined();
  world.fixedRandom = 0.999;
  const waits: number[] = [];
  for (let i = 0; i < 7; i++) {
    world.server.line.end(1006);
    waits.push(Math.ceil(room.state.retryInMs! / 1000));
    await world.pass(room.state.retryInMs! + 5);
  }
  assert.deepEqual(waits, [1, 2, 4, 8, 16, 30, 30]);
});

for (const [status, code] of [[401, "unauthenticated"], [403, "banned"], [403, "origin_not_allowed"], [404, "no_such_room"]] as const) {
  test(`a handshake refused with ${status} ${code} stops, with the reason`, async () => {
    const world = new World();
    world.server.refusals = [{ status, body: { error: { code, message: "no" } } }];
    const { room, seen } = await world.joined();
    await world.pass(100_000);
    assert.deepEqual([room.state.name, room.state.reason], ["closed", code]);
    assert.equal(seen.take(), `error ${code}`);
    assert.deepEqual(world.server.requests, ["/v1/rooms/42?for=socket&user_id=u"], "what a socket would be answered");
    assert.deepEqual([world.server.lines.length, world.timers], [1, 0]);
    room.connect(); // the application has mended it
    await world.pass(10);
    assert.equal(room.state.name, "open");
  });
}

for (const [name, status, body, headers] of [
  ["503 full, in the body", 503, { error: { code: "full", message: "full", retry_after_ms: 7000 } }, undefined],
  ["429, in the header", 429, {}, { "Retry-After": "7" }],
  ["503 draining, both: the body counts", 503, { error: { code: "draining", message: "bye", retry_after_ms: 7000 } }, { "Retry-After": "90" }],
] as const) {
  test(`Retry-After is honoured: ${name}`, async () => {
    const world = new World();
    world.fixedRandom = 0.5;
    world.server.refusals = [{ status, body, ...(headers ? { headers } : {}) }];
    const { room, seen } = await world.joined();
    assert.equal(room.state.name, "waiting");
    assert.equal(room.state.retryInMs, 7500, "and spread, for those who were told the same");
    await world.back();
    assert.equal(room.state.name, "waiting", "a page that comes back does not cut it short");
    await world.pass(7500);
    await world.pass(10);
    assert.equal(room.state.name, "open");
    assert.equal(seen.take(), "");
  });
}

test("Retry-After may be a date", async () => {
  const world = new World();
  world.fixedRandom = 0;
  world.server.refusals = [{ status: 503, headers: { "Retry-After": new Date(world.now() + 5000).toUTCString() } }];
  const { room } = await world.joined();
  assert.ok(room.state.retryInMs! > 4900 && room.state.retryInMs! <= 5000, String(room.state.retryInMs));
});

test("a server that cannot be reached is tried again", async () => {
  const world = new World();
  world.server.refusals = ["cut", "cut", "cut"];
  const { room, seen } = await world.joined();
  assert.deepEqual([room.state.name, room.state.reason], ["waiting", "lost"]);
  await world.pass(20_000);
  assert.equal(room.state.name, "open");
  assert.equal(world.server.lines.length, 4);
  assert.equal(seen.take(), "");
});

for (const [code, reason] of [
  [1002, "protocol"], [1003, "protocol"], [1007, "protocol"], [1009, "too_big"], [4400, "bad_request"], [4401, "unauthenticated"], [4403, "forbidden"], [4410, "token_replaced"],
] as const) {
  test(`close code ${code} stops`, async () => {
    const world = new World();
    const { room, seen, line } = await world.joined();
    line.end(code);
    await world.pass(200_000);
    assert.deepEqual([room.state.name, room.state.reason, room.state.closeCode], ["closed", reason, code]);
    assert.equal(seen.take(), `error ${reason}`);
    assert.equal(world.server.lines.length, 1);
  });
}

for (const code of [1000, 1001, 1005, 1006, 1011, 1012, 4408, 4409]) {
  test(`close code ${code} backs off and comes back`, async () => {
    const world = new World();
    const { room, line } = await world.joined();
    line.end(code);
    assert.equal(room.state.reason, code === 1012 ? "leaving" : "lost");
    await world.pass(1100);
    assert.equal(room.state.name, "open");
  });
}

test("close code 4429 comes back after a minute, not before", async () => {
  const world = new World();
  const { room, line } = await world.joined();
  line.end(4429);
  assert.deepEqual([room.state.name, room.state.reason], ["waiting", "flooding"]);
  await world.pass(59_000);
  await world.back();
  assert.equal(room.state.name, "waiting");
  await world.pass(2100);
  assert.equal(room.state.name, "open");
});

test("a leaving node: stay for a random while, then go elsewhere and resume", async () => {
  const world = new World();
  const { room, seen, line } = await world.joined();
  world.fixedRandom = 0.5;
  line.say({ t: "reconnect", after_ms: 4000, reason: "draining" });
  await world.pass(1500);
  world.server.post("still here");
  await world.pass(400);
  assert.equal(room.state.name, "open");
  await world.pass(200);
  assert.deepEqual(seen.states, ["connecting connect", "open welcome", "connecting leaving", "open welcome"]);
  assert.equal(world.server.line.url.searchParams.get("since"), "1");
  assert.equal(world.server.members.size, 1, "the old connection is closed");
});

test("a leaving node that closes first: the while goes on", async () => {
  const world = new World();
  const { room, line } = await world.joined();
  world.fixedRandom = 0.5;
  line.say({ t: "reconnect", after_ms: 4000, reason: "draining" });
  await world.pass(500);
  line.end(1012);
  assert.deepEqual([room.state.name, room.state.reason], ["waiting", "leaving"]);
  await world.pass(1490);
  assert.equal(room.state.name, "waiting");
  await world.pass(30);
  assert.equal(room.state.name, "open");
});

test("a leaving node that is left early by connect: its while is forgotten", async () => {
  const world = new World();
  const { room, line } = await world.joined();
  line.say({ t: "reconnect", after_ms: 4000, reason: "draining" });
  await world.pass(10);
  line.end(1012);
  room.connect();
  await world.pass(5000);
  assert.deepEqual([room.state.name, world.server.lines.length], ["open", 2]);
});

/** pings counts the pings that the server got. */
const pings = (got: Json[]) => got.filter((f) => f["t"] === "ping").length;

test("heartbeat: a ping after silence only, and life goes on with the pong", async () => {
  const world = new World();
  const { room, line } = await world.joined();
  await world.pass(20_000);
  world.server.post("heard");
  await world.pass(24_000);
  assert.equal(pings(line.got), 0);
  await world.pass(2000);
  assert.equal(pings(line.got), 1);
  await world.pass(50_000);
  assert.equal(pings(line.got), 3);
  assert.equal(room.state.name, "open");
});

test("heartbeat: a dead connection is noticed and left", async () => {
  const world = new World();
  const { room, seen, line } = await world.joined();
  world.fixedRandom = 0.5;
  line.die();
  await world.pass(34_900);
  assert.equal(room.state.name, "open");
  await world.pass(200);
  assert.deepEqual(seen.states.slice(2), ["waiting silent"]);
  await world.pass(1100);
  assert.equal(room.state.name, "open");
});

test("heartbeat: a hidden page pings less, and checks when it is seen again", async () => {
  const world = new World();
  const { room, line } = await world.joined();
  world.hiddenPage = true;
  await world.pass(25_100); // the timer of the visible page: it rests on
  await world.pass(70_000);
  assert.equal(pings(line.got), 0);
  await world.pass(5000);
  assert.equal(pings(line.got), 1);
  line.die();
  await world.pass(20_000);
  assert.equal(room.state.name, "open", "nobody sees that it is dead");
  world.fixedRandom = 0.5;
  await world.back();
  await world.pass(10_100);
  assert.equal(room.state.reason, "silent");
});

test("a page that comes back connects at once", async () => {
  const world = new World();
  const { room, line } = await world.joined({ backoffBaseMs: 60_000, backoffCapMs: 60_000 });
  line.end(1006);
  await world.back();
  await world.pass(5);
  assert.equal(room.state.name, "open");
});

test("a handshake or a welcome that never comes is given up", async () => {
  const world = new World();
  const { room, seen } = world.room();
  world.server.handshake = () => {};
  room.connect();
  await world.pass(15_100);
  assert.deepEqual(seen.states.slice(0, 2), ["connecting connect", "waiting silent"]);
});

test("close leaves nothing behind, connect comes back and resumes", async () => {
  const world = new World();
  const { room, seen, line } = await world.joined();
  world.server.post("a");
  await world.pass(10);
  room.close();
  room.close();
  await settledTimers(world);
  assert.deepEqual([line.open, world.backs.size, world.server.members.size], [false, 0, 0]);
  assert.deepEqual(seen.states.slice(2), ["closed close"]);
  world.server.post("b");
  room.connect();
  room.connect();
  await world.pass(10);
  assert.equal(seen.take(), "1, h2");
  assert.equal(world.server.lines.length, 2);
});

/** settledTimers asserts that no timer runs. */
async function settledTimers(world: World): Promise<void> {
  await world.pass(0);
  assert.equal(world.timers, 0);
}

test("close while waiting, and while the refusal is asked for", async () => {
  const world = new World();
  const { room, line } = await world.joined();
  line.end(1006);
  room.close();
  await settledTimers(world);
  world.server.refusals = ["cut"];
  room.connect();
  await world.pass(2);
  assert.equal(world.server.requests.length, 1);
  room.close();
  await world.pass(100);
  assert.equal(room.state.name, "closed");
  assert.equal(world.timers, 0);
});

test("close while the token is asked for: only the newest connect connects", async () => {
  const world = new World();
  const { room } = world.room();
  room.connect();
  room.close();
  await world.pass(10);
  assert.equal(world.server.lines.length, 0);
  room.connect();
  room.close();
  room.connect();
  await world.pass(10);
  assert.deepEqual([room.state.name, world.server.lines.length], ["open", 1]);
});

test("connect ends a wait", async () => {
  const world = new World();
  const { room, line } = await world.joined({ backoffBaseMs: 60_000, backoffCapMs: 60_000 });
  line.end(1006);
  room.connect();
  await world.pass(5);
  assert.equal(room.state.name, "open");
});

test("nonsense is said, what is new is left out", async () => {
  const world = new World();
  const { room, seen, line } = await world.joined();
  line.say("{", "[]", '"x"', { t: "hologram" }, { t: "batch", messages: "none" }, { t: "gap" }, { t: "refused", code: "bad_request", message: "?" });
  await world.pass(10);
  assert.equal(seen.take(), "error protocol, error protocol, error protocol, error bad_request");
  assert.equal(room.state.name, "open");
});

test("counters and notices", async () => {
  const world = new World();
  const { room, seen, line } = await world.joined();
  line.say({ t: "counters", online: 7, likes: 9 }, { t: "system", code: "frozen", message: "wait", data: { until: 5 } });
  await world.pass(10);
  assert.equal(seen.take(), "counters 7 9, system frozen");
  assert.deepEqual([room.online, room.likes], [7, 9]);
  assert.deepEqual(seen.all.at(-1)!.args, [{ code: "frozen", message: "wait", data: { until: 5 } }]);
});

test("messages: history before a seq, and its errors", async () => {
  const world = new World();
  for (let i = 0; i < 5; i++) world.server.store(`m${i}`);
  const { room } = world.room();
  const asked = room.messages(4, 2);
  await world.pass(10);
  assert.deepEqual((await asked).map((m) => m.seq), [2, 3]);
  assert.deepEqual(world.server.requests, ["/v1/rooms/42/messages?before=4&limit=2"]);
  world.server.onHttp = () => new Response("<html>", { status: 429, headers: { "Retry-After": "3" } });
  const refused = assert.rejects(room.messages(), { name: "HttpError", status: 429, code: "rate_limited", retryAfterMs: 3000 });
  await world.pass(10);
  await refused;
  world.server.onHttp = () => new Promise(() => {});
  const late = assert.rejects(room.messages(), { name: "HttpError", status: 0, code: "timeout" });
  await world.pass(5100);
  await late;
  world.server.onHttp = () => Promise.reject(new TypeError("no network"));
  const broken = assert.rejects(room.messages(), { name: "HttpError", status: 0, code: "network", message: /no network/ });
  await world.pass(10);
  await broken;
});

test("a listener is removed alone; one that throws stops nothing", async (t) => {
  const world = new World();
  const { room, seen, line } = await world.joined();
  const heard: string[] = [];
  const listener = () => heard.push("twice");
  room.on("counters", listener);
  const off = room.on("counters", listener);
  off();
  off();
  const uncaught = new Promise((resolve) => {
    const before = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.once("uncaughtException", (err) => {
      before.forEach((l) => process.on("uncaughtException", l));
      resolve(err.message);
    });
  });
  room.on("counters", () => {
    throw new Error("of a listener");
  });
  room.on("counters", () => heard.push("after"));
  line.say({ t: "counters", online: 1, likes: 1 });
  await world.pass(10);
  assert.deepEqual(heard, ["twice", "after"]);
  assert.equal(await uncaught, "of a listener");
  assert.equal(seen.take(), "counters 1 1");
  t.diagnostic("the error was reported as uncaught");
});

test("options that make no sense are refused", () => {
  const good = { room: "42", userId: "u", token: "t", url: "ws://h", WebSocket: new World().server.WebSocket };
  const bads: object[] = [
    { room: "" }, { room: "a\ud800" }, { room: "a\n" }, { room: ".." }, { room: "." }, { room: "r".repeat(129) }, { room: 42 },
    { userId: "" }, { userId: "\udc00" }, { userId: "弹".repeat(43) }, { userId: null },
    { url: "h:9000" }, { url: "ftp://h" }, { url: "ws://h:port" }, { url: "ws://ann:secret@h" }, { url: 7 },
    { backoffBaseMs: NaN }, { backoffBaseMs: 0 }, { backoffCapMs: -1 }, { sendTimeoutMs: "soon" }, { gapLimit: -1 }, { gapLimit: 0.5 }, { fetch: 1 },
    { getToken: () => "t" }, // beside a token
  ];
  for (const bad of bads) {
    assert.throws(() => new Room({ ...good, ...bad } as RoomOptions), { name: "BarrageError", code: "invalid", message: /^cannot make a Room: / }, JSON.stringify(bad));
  }
  for (const ok of [{ room: "..." }, { room: "r".repeat(128) }, { userId: "\u{1F600} 弹" }, { gapLimit: Infinity }, { sendTimeoutMs: Infinity }]) new Room({ ...good, ...ok });
  const { url: _, ...nowhere } = good;
  assert.throws(() => new Room(nowhere), { code: "invalid" });
  const { token: __, ...guest } = good;
  assert.throws(() => new Room({ ...guest, getToken: "t" as never }), { code: "invalid" });
  assert.equal(new Room(good).state.name, "idle");
});

test("a WebSocket that cannot be made closes the room with the reason", async () => {
  const world = new World();
  const { room, seen } = world.room({
    WebSocket: class {
      constructor() {
        throw new Error("insecure");
      }
    } as never,
  });
  room.connect();
  await world.pass(10);
  assert.deepEqual([room.state.name, room.state.reason], ["closed", "invalid"]);
  assert.equal(seen.take(), "error invalid");
});

test("a fetch that throws before it asks is said, and nothing is tried again: it is no network that fails", async () => {
  const world = new World();
  const { room, seen } = world.room({
    fetch: () => {
      throw new TypeError("no such thing");
    },
  });
  await assert.rejects(room.messages(), { name: "HttpError", status: 0, code: "invalid", message: /no such thing/ });
  world.server.refusals = ["cut"];
  room.connect();
  await world.pass(100_000);
  assert.deepEqual([room.state.name, room.state.reason, world.server.lines.length, world.timers], ["closed", "invalid", 1, 0]);
  assert.equal(seen.take(), "error invalid");
});

test("a wait longer than a timer can is not none", async () => {
  let over = false;
  const cancel = realEnv.after(2 ** 40, () => (over = true));
  await new Promise<void>((done) => void realEnv.after(5, done)); // a timer of 1 ms is over by then
  assert.equal(over, false);
  cancel();
});

test("a server that lets us into another room, or takes us for another user, is left for good", async () => {
  for (const [welcome, why] of [
    [{ room: "43", user_id: "u" }, /asked for room "42", and the server let us into "43"/],
    [{ room: "42", user_id: "v" }, /came as user "u", and the server takes us for "v"/],
  ] as const) {
    const world = new World();
    const { room, seen } = world.room();
    const errors: string[] = [];
    room.on("error", (err) => errors.push(err.message));
    room.on("message", () => assert.fail("a message of another room"));
    world.server.rules = { ...welcome };
    room.connect();
    await world.pass(100_000);
    assert.deepEqual([room.state.name, room.state.reason, world.server.lines.length], ["closed", "other_room", 1]);
    assert.match(errors.join(), why);
    assert.ok(!seen.all.some((s) => s.event === "welcome"));
  }
});
