// Order in a room: its rules, what moderators do, what they take away, and what that leaves of the promises.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionError, forGood, SendError, type Message, type Moderation } from "../../src/index.js";
import { answer, World, type Json } from "../world.js";

const of = (got: Json[], t: string) => got.filter((f) => f["t"] === t);

/** until is when bans of these tests end. */
const until = 1_700_000_600_000;

test("a room's rules and what holds for the user come with the welcome, change by frames, and are readable", async () => {
  const world = new World();
  const pinned = { seq: 3, kind: "chat", user_id: "v", body: "read me", ts: 5, id: "c-3" };
  const modes = { v: "3-A", slow_ms: 5000, frozen: true, who: "tagged", tags: ["fan"], first_delay_ms: 7, dup_s: 8, unique_s: 9, links: "mods", emote_only: true, max_caps: 50, min_level: 5, review: "new_users", pinned, cleared: 0 };
  world.server.rules = { modes, you: { role: "vip", muted_until: forGood, reason: "spam" } };
  world.server.auth = { can: ["read", "moderate"], role: "vip" };
  const { room, seen, line } = await world.joined();
  const message = { seq: 3, kind: "chat", userId: "v", body: "read me", ts: 5, id: "c-3", recalled: false };
  assert.deepEqual(room.modes, { v: "3-A", slowMs: 5000, frozen: true, who: "tagged", tags: ["fan"], firstDelayMs: 7, dupS: 8, uniqueS: 9, links: "mods", emoteOnly: true, maxCaps: 50, minLevel: 5, review: "new_users", pinned: message, cleared: 0 });
  assert.deepEqual(room.you, { role: "vip", mutedUntil: forGood, reason: "spam", can: ["read", "moderate"] });
  assert.equal(seen.take(), "", "the welcome has it");
  line.say({ t: "room", modes: { ...modes, v: "4-B", frozen: false, pinned: null } }, { t: "you", role: "", muted_until: 0, reason: "", can: ["read", "send"] });
  await world.pass(10);
  assert.equal(seen.take(), "room 4-B, you 0");
  assert.deepEqual([room.modes.frozen, room.modes.slowMs, room.modes.pinned], [false, 5000, undefined]);
  assert.deepEqual([room.you, room.can], [{ role: "", mutedUntil: 0, reason: "", can: ["read", "send"] }, ["read", "send"]]);
  line.say({ t: "you", role: "vip", muted_until: 0, reason: "" });
  await world.pass(10);
  assert.deepEqual(room.can, ["read", "send"], "a frame without it takes nothing away");
});

test("a server that knows no rules lets everything through; its role is still read", async () => {
  const world = new World();
  world.server.auth = { role: "owner", can: ["read"] };
  const { room } = await world.joined();
  assert.deepEqual([room.modes.frozen, room.modes.who, room.modes.links, room.modes.slowMs, room.modes.pinned], [false, "all", "allow", 0, undefined]);
  assert.deepEqual(room.you, { role: "owner", mutedUntil: 0, reason: "", can: ["read"] });
});

test("rules that are nonsense let everything through, and unknown words are passed on", async () => {
  const world = new World();
  const { room, line } = await world.joined();
  line.say({ t: "room", modes: { slow_ms: "5", frozen: 1, who: "vips", tags: "x", pinned: [], cleared: -1, max_caps: 0.5 } }, { t: "purged" }, { t: "cleared" }, { t: "done", id: "?" });
  await world.pass(10);
  assert.deepEqual({ ...room.modes }, { v: "", slowMs: 0, frozen: false, who: "vips", tags: [], firstDelayMs: 0, dupS: 0, uniqueS: 0, links: "allow", emoteOnly: false, maxCaps: 0, minLevel: 0, review: "off", pinned: undefined, cleared: 0 });
  assert.equal(room.state.name, "open");
});

test("a storm is told", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  line.say({ t: "storm", shown: 12, offered: 150, level: 200, ms: 1000 });
  await world.pass(10);
  assert.deepEqual(seen.all.at(-1), { event: "storm", args: [{ shown: 12, offered: 150, level: 200, ms: 1000 }] });
});

test("what waits for a moderator is told, and read; what is nonsense is no message", async () => {
  const world = new World();
  const { room, seen, line } = await world.joined();
  const raw = { held: "4e0740-1", state: "waiting", user_id: "v", id: "c-1", why: "filter", until: 9, messages: [{ seq: 0, kind: "chat", user_id: "v", body: "rats", ts: 5, id: "c-1" }] };
  const held = { held: "4e0740-1", state: "waiting", userId: "v", id: "c-1", why: "filter", until: 9, message: { seq: 0, kind: "chat", userId: "v", body: "rats", ts: 5, id: "c-1", recalled: false } };
  line.say({ t: "held", ...raw });
  await world.pass(10);
  assert.deepEqual(seen.all.at(-1), { event: "held", args: [held] });
  line.say({ t: "held", ...raw, state: "denied", until: 0, messages: [] });
  await world.pass(10);
  assert.deepEqual(seen.all.at(-1), { event: "held", args: [{ ...held, state: "denied", until: 0, message: undefined }] });
  line.say({ t: "held", messages: "x" });
  await world.pass(10);
  assert.equal(room.state.name, "open");
  world.server.onHttp = (path) => (path.startsWith("/v1/rooms/42/mod/held") ? answer(200, { held: [raw] }) : undefined);
  const asked = room.held();
  await world.pass(100);
  assert.deepEqual(await asked, [held]);
  world.server.onHttp = () => answer(200, { held: "nonsense" });
  const nonsense = room.held();
  await world.pass(100);
  assert.deepEqual(await nonsense, []);
});

test("each verb travels as the protocol writes it, and is settled by its answer", async () => {
  const world = new World();
  const { room, line } = await world.joined();
  world.server.post("a");
  await world.pass(10);
  const ops: Array<[Moderation, Json]> = [
    [{ verb: "mute", userId: "v", forMs: 600_000, reason: "spam" }, { user_id: "v", for_ms: 600_000, reason: "spam" }],
    [{ verb: "ban", userId: "v", purge: true }, { user_id: "v", purge: true }],
    [{ verb: "delete", seq: 1 }, { seq: 1, epoch: "e1" }],
    [{ verb: "pin", seq: 1, epoch: "e0" }, { seq: 1, epoch: "e0" }],
    [{ verb: "purge", userId: "v", since: 5 }, { user_id: "v", since: 5 }],
    [{ verb: "modes", modes: { slowMs: 5000, emoteOnly: false, who: "mods" } }, { modes: { slow_ms: 5000, emote_only: false, who: "mods" } }],
    [{ verb: "announce", body: "hello", ext: { aB: 1 } }, { body: "hello", ext: { aB: 1 } }],
    [{ verb: "clear" }, {}],
    [{ verb: "approve", held: "4e0740-1" }, { held: "4e0740-1" }],
  ];
  for (const [op, fields] of ops) {
    const done = room.moderate(op);
    await world.pass(1000);
    assert.deepEqual(await done, { verb: op.verb, n: 0, seq: 0, before: false });
    const { id, ...frame } = of(line.got, "mod").at(-1)!;
    assert.deepEqual(frame, { t: "mod", verb: op.verb, ...fields });
    assert.equal(typeof id, "string");
  }
  assert.equal(new Set(of(line.got, "mod").map((f) => f["id"])).size, ops.length);
});

test("what a verb took away is counted, and a refusal has the server's code; neither is said again", async () => {
  const world = new World();
  const { room, seen, line } = await world.joined();
  world.server.mute = true;
  const purge = room.moderate({ verb: "purge", userId: "v" });
  const approve = room.moderate({ verb: "approve", held: "81b637-8d77601e4d79b653" });
  const refused = assert.rejects(room.moderate({ verb: "ban", userId: "w" }), { name: "SendError", code: "forbidden", message: "cannot ban: w is an owner" });
  const away = assert.rejects(room.moderate({ verb: "clear" }), { code: "unavailable", retryAfterMs: 500 });
  await world.pass(10);
  const [first, approved, second, third] = of(line.got, "mod").map((f) => f["id"]);
  line.say({ t: "done", id: first, verb: "purge", n: 17 }, { t: "done", id: approved, verb: "approve", n: 0, seq: 7, before: true });
  line.say({ t: "refused", id: second, code: "forbidden", message: "w is an owner", retry_after_ms: 0 });
  line.say({ t: "refused", id: third, code: "unavailable", message: "the store does not answer", retry_after_ms: 500 });
  await world.pass(5000);
  assert.deepEqual(await purge, { verb: "purge", n: 17, seq: 0, before: false });
  assert.deepEqual(await approve, { verb: "approve", n: 0, seq: 7, before: true });
  await Promise.all([refused, away]);
  assert.equal(of(line.got, "mod").length, 4);
  assert.equal(seen.take(), "");
});

test("a verb that comes too soon goes again when the server says", async () => {
  const world = new World();
  const { room, line } = await world.joined();
  world.server.verdict = { code: "rate_limited", retry_after_ms: 1500 };
  const done = room.moderate({ verb: "unpin" });
  await world.pass(10);
  world.server.verdict = undefined;
  await world.pass(1600);
  assert.deepEqual(await done, { verb: "unpin", n: 0, seq: 0, before: false });
  assert.equal(of(line.got, "mod").length, 2);
});

test("a verb whose answer is cut off is unconfirmed, and does not go again; one that never went out waits", async () => {
  const world = new World();
  world.fixedRandom = 0.5;
  const { room, line } = await world.joined();
  world.server.mute = true;
  const lost = assert.rejects(room.moderate({ verb: "announce", body: "once" }), (err) => err instanceof SendError && err.code === "unconfirmed");
  await world.pass(10);
  assert.equal(of(line.got, "mod").length, 1);
  line.end(1006);
  await lost;
  const waits = room.moderate({ verb: "unmute", userId: "v" });
  world.server.mute = false;
  await world.pass(3000);
  assert.deepEqual(await waits, { verb: "unmute", n: 0, seq: 0, before: false });
  assert.deepEqual(of(world.server.line.got, "mod").map((f) => f["verb"]), ["unmute"]);
});

test("an unanswered verb times out; a closed room does nothing, and what went out before is unconfirmed", async () => {
  const world = new World();
  const { room } = await world.joined({ sendTimeoutMs: 3000 });
  world.server.mute = true;
  const late = assert.rejects(room.moderate({ verb: "clear" }), { code: "timeout" });
  await world.pass(3100);
  await late;
  const open = assert.rejects(room.moderate({ verb: "clear" }), { code: "unconfirmed" });
  await world.pass(10);
  room.close();
  await open;
  await assert.rejects(room.moderate({ verb: "clear" }), { code: "closed" });
});

test("what makes no sense does not go out", async () => {
  const world = new World();
  const { room, line } = await world.joined();
  const bad: unknown[] = [
    {}, { verb: 7 }, { verb: "mute", userId: "" }, { verb: "mute", userId: 7 }, { verb: "mute", userId: "v", forMs: -1 }, { verb: "mute", userId: "v", forMs: 0.5 },
    { verb: "delete", seq: 0 }, { verb: "pin", seq: "1" }, { verb: "announce", body: 7 }, { verb: "clear", reason: "x".repeat(201) }, { verb: "clear", reason: 7 },
  ];
  for (const op of bad) await assert.rejects(room.moderate(op as Moderation), { name: "SendError", code: "invalid" }, JSON.stringify(op));
  await assert.rejects(room.moderate({ verb: "announce", body: "x".repeat(1001) }), { code: "invalid", message: /^cannot announce: the body has 1001 bytes/ });
  const good = room.moderate({ verb: "clear", reason: "弹".repeat(200) });
  await world.pass(10);
  await good;
  assert.equal(line.got.length, 1);
});

for (const code of ["slow_mode", "too_early", "duplicate", "muted", "shed"]) {
  test(`a send that the room refuses for ${code} has the time, and goes again by its author alone`, async () => {
    const world = new World();
    world.fixedRandom = 0.5;
    const { room, line } = await world.joined();
    world.server.verdict = { code, retry_after_ms: 700 };
    const first = assert.rejects(room.send("hi", { id: "c-1" }), { name: "SendError", code, retryAfterMs: 700, id: "c-1" });
    await world.pass(10);
    await first;
    world.server.mute = true;
    const cut = assert.rejects(room.send("ho", { id: "c-2" }), { code, retryAfterMs: 700 });
    await world.pass(10);
    line.end(1006);
    world.server.mute = false;
    await world.pass(10_000);
    await cut;
    assert.deepEqual(of(line.got, "send").map((f) => f["id"]), ["c-1", "c-2"]);
    assert.deepEqual(of(world.server.line.got, "send").map((f) => f["id"]), ["c-2"], "not after a cut either");
  });
}

for (const code of ["frozen", "restricted", "links", "emote_only", "caps", "blocked", "held"]) {
  test(`a send that the room refuses as ${code} names no time`, async () => {
    const world = new World();
    const { room } = await world.joined();
    world.server.verdict = { code, retry_after_ms: 0 };
    const refused = assert.rejects(room.send("hi"), { code, retryAfterMs: undefined });
    await world.pass(10);
    await refused;
  });
}

test("a refused like of who is muted is an error, and no recall's", async () => {
  const world = new World();
  const { room, seen, line } = await world.joined();
  world.server.post("a");
  world.server.mute = true;
  const recall = room.recall(1);
  room.like();
  await world.pass(10);
  line.say({ t: "refused", id: "", code: "muted", message: "you are muted", retry_after_ms: 5000 });
  await world.pass(10);
  assert.equal(seen.take(), "1, error muted");
  line.say({ t: "ack", id: of(line.got, "recall")[0]!["id"], epoch: "", seq: 1, ts: 0 });
  await world.pass(10);
  await recall;
});

for (const code of ["banned", "kicked"]) {
  test(`who is ${code} before a connection stays out, and knows until when`, async () => {
    const world = new World();
    world.server.refusals = [{ status: 403, body: { error: { code, message: `you are ${code}: spam`, retry_after_ms: 600_000, until, reason: "spam" } } }];
    const { room, seen } = world.room();
    const waits = assert.rejects(room.send("hi"), { code });
    room.connect();
    await world.pass(60_000);
    await waits;
    assert.equal(world.server.lines.length, 1);
    assert.deepEqual(room.state, { name: "closed", reason: code, closeCode: 1006, until, because: "spam" });
    const err = seen.all.at(-1)!.args[0] as ConnectionError;
    assert.ok(err instanceof ConnectionError);
    assert.deepEqual([err.code, err.until, err.retryAfterMs, err.because], [code, until, 600_000, "spam"]);
  });

  test(`who is ${code} while connected stays out, and asks until when`, async () => {
    const world = new World();
    const { room, seen, line } = await world.joined();
    world.server.refusals = [{ status: 403, body: { error: { code, message: `you are ${code}`, until } } }];
    line.end(4403, code);
    await world.pass(60_000);
    assert.deepEqual(room.state, { name: "closed", reason: code, closeCode: 4403, until });
    assert.equal((seen.all.at(-1)!.args[0] as ConnectionError).until, until);
    assert.deepEqual([world.server.lines.length, world.server.requests.length], [1, 1]);
    room.connect();
    await world.pass(10);
    assert.deepEqual(room.state, { name: "open", reason: "welcome", closeCode: 0 }, "by hand one may come back");
  });

  test(`who is ${code} while connected stays out, where nobody says until when`, async () => {
    for (const onHttp of [undefined, () => answer(401, {}), () => Promise.reject(new TypeError("no network")), () => new Promise<Response>(() => {})]) {
      const world = new World();
      const { room, seen, line } = await world.joined();
      world.server.onHttp = onHttp;
      line.end(4403, code);
      await world.pass(5100);
      assert.deepEqual(room.state, { name: "closed", reason: code, closeCode: 4403 });
      assert.equal(seen.take(), `error ${code}`);
    }
  });
}

test("a close 4403 with another text is of who is no member; a room that is closed meanwhile stays closed by its user", async () => {
  const world = new World();
  const { room, line } = await world.joined();
  line.end(4403, "constructor");
  await world.pass(10);
  assert.equal(room.state.reason, "forbidden");
  room.connect();
  await world.pass(10);
  world.server.line.end(4403, "banned");
  room.close();
  await world.pass(10_000);
  assert.deepEqual(room.state, { name: "closed", reason: "close", closeCode: 0 });
});

test("a purge is told, and takes what waits for history; later messages of that user come", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  world.server.post("first", { user: "bob" });
  await world.pass(10);
  const [, hidden, waits] = [world.server.history[0]!, world.server.store("hidden", { user: "bob" }), world.server.store("waits", { user: "bob" })];
  world.server.store("of another");
  line.say(world.server.batch(3, 4)); // the messages before are fetched: an answer from before the purge
  const old = world.server.history.map((m) => ({ ...m }));
  let give = (_: Response) => {};
  world.server.onHttp = () => new Promise((resolve) => (give = resolve));
  await world.pass(10);
  line.say({ t: "purged", user_id: "bob", since: hidden.ts });
  await world.pass(10);
  give(answer(200, { epoch: "e1", messages: old.filter((m) => m.seq === 2) }));
  await world.pass(10);
  assert.equal(seen.take(), `1, purged bob ${hidden.ts}, 4`);
  assert.ok(waits.ts >= hidden.ts);
  world.server.onHttp = undefined;
  world.server.post("again", { user: "bob" });
  await world.pass(10);
  assert.equal(seen.take(), "5");
});

test("a purge spares what is older or younger than its time", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  const message = (seq: number, ts: number) => ({ seq, user_id: "bob", body: "hi", id: `b-${seq}`, ts });
  world.server.onHttp = () => new Promise(() => {});
  line.say({ t: "batch", epoch: "e1", seq: 2, messages: [message(2, 10), message(3, 20), message(4, 30)] }, { t: "purged", user_id: "bob", since: 20, until: 20 });
  await world.pass(12_000);
  assert.equal(seen.take(), "purged bob 20, gap 1-1 missed, 2, 4");
});

test("what a purge took while the client was away is taken off at the return", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  world.server.post("a", { user: "bob" });
  world.server.post("b");
  await world.pass(10);
  line.end(1006);
  world.server.purge("bob");
  world.server.post("behind it", { user: "bob" });
  await world.pass(1100);
  assert.equal(seen.take(), "1, 2, h3, purged bob 0");
});

test("a clear of nothing takes what a store has lost off the screen, once", async () => {
  const world = new World();
  const { room, seen, line } = await world.joined();
  world.server.post("lost");
  await world.pass(10);
  const cleared: unknown[] = [];
  room.on("cleared", (c) => cleared.push(c));
  line.say({ t: "epoch", epoch: "e2", seq: 0, ts: 0 }, { t: "cleared", epoch: "e2", seq: 0 }, { t: "cleared", epoch: "e2", seq: 0 });
  await world.pass(10);
  assert.deepEqual(cleared, [{ epoch: "e2", seq: 0, later: [] }]);
  seen.take();
});

test("a clear is told once; nothing up to it comes, and nothing of it is missing", async () => {
  const world = new World();
  const { room, seen, line } = await world.joined();
  for (let i = 0; i < 3; i++) world.server.post("old");
  await world.pass(10);
  for (let i = 0; i < 4; i++) world.server.store("unseen");
  const late = world.server.batch(6, 7);
  world.server.clear();
  line.say(late, { t: "gap", from: 5, to: 7, reason: "slow" }, { t: "cleared", epoch: "e1", seq: 7 });
  world.server.post("new");
  await world.pass(10);
  assert.equal(seen.take(), "1, 2, 3, cleared e1 7, room , 8");
  assert.deepEqual([room.modes.cleared, world.server.requests], [7, []], "there is nothing to fetch");
});

test("a hole that begins before a clear and ends behind it is missing behind it alone", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  for (let i = 0; i < 4; i++) world.server.store("old");
  line.say({ t: "cleared", epoch: "e1", seq: 4 });
  for (let i = 0; i < 4; i++) world.server.store("new");
  world.server.history = world.server.history.filter((m) => m.seq === 7);
  line.say(world.server.batch(8, 8));
  await world.pass(10);
  assert.equal(seen.take(), "cleared e1 4, gap 5-6 missed, h7, 8");
  assert.equal(world.server.requests[0], "/v1/rooms/42/messages?before=8&limit=3");
});

test("a clear while history is fetched: what the answer brings of before does not come", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  for (let i = 0; i < 4; i++) world.server.store("old");
  const old = world.server.history.map((m) => ({ ...m }));
  let give = (_: Response) => {};
  world.server.onHttp = () => new Promise((resolve) => (give = resolve));
  line.say(world.server.batch(4, 4));
  await world.pass(10);
  line.say({ t: "cleared", epoch: "e1", seq: 3 });
  await world.pass(10);
  give(answer(200, { epoch: "e1", messages: old.slice(0, 3) }));
  await world.pass(10);
  assert.equal(seen.take(), "cleared e1 3, 4");
});

/**
 * waiting is a room that has message 1, and lacks the next three: later messages wait for history, which never answers.
 */
async function waiting() {
  const world = new World();
  const joined = await world.joined();
  world.server.post("first");
  await world.pass(10);
  for (let i = 0; i < 3; i++) world.server.store("old");
  world.server.onHttp = () => new Promise(() => {});
  return { world, ...joined };
}

test("a clear of the epoch that waits: what waits of the one before does not come, and nothing of it is missing", async () => {
  const { world, seen, line } = await waiting();
  line.say(world.server.batch(4, 4), { t: "epoch", epoch: "e2", seq: 4 }, { t: "cleared", epoch: "e2", seq: 5 });
  line.say({ t: "batch", epoch: "e2", seq: 5, messages: [{ seq: 5, user_id: "v", body: "old", id: "~5" }, { seq: 6, user_id: "v", body: "new", id: "~6" }] });
  await world.pass(12_000);
  assert.equal(seen.take(), "1, cleared e2 5, epoch e2 4, 6");
});

test("a clear while local chat waits: it was handed to the store before, and does not come", async () => {
  const { world, seen, line } = await waiting();
  const said = (epoch: string, seq: number) => ({ t: "batch", epoch, seq, messages: [{ seq, user_id: "v", body: "hi", id: `~${epoch}-${seq}` }] });
  line.say(world.server.batch(4, 4), { t: "epoch", epoch: "l-1", seq: 0 }, said("l-1", 1), { t: "epoch", epoch: "e1", seq: 5 });
  line.say({ t: "cleared", epoch: "e1", seq: 5 }, said("e1", 6));
  await world.pass(12_000);
  assert.equal(seen.take(), "1, cleared e1 5, epoch l-1 0, epoch e1 5, 6");
});

test("behind a clear, local chat that was missed is named", async () => {
  const world = new World();
  world.server.onJoin = 2;
  const { seen } = await world.joined();
  for (let i = 0; i < 3; i++) world.server.store("old");
  world.server.clear();
  await world.pass(10);
  world.server.goLocal("l-1");
  world.server.line.end(1006);
  for (let i = 0; i < 3; i++) world.server.post(`local ${i}`);
  await world.pass(3000);
  assert.equal(seen.take(), "cleared e1 3, room , gap 4-4 missed, epoch l-1 3, hlocal 1, hlocal 2");
});

test("the rules of before that wait bring back no earlier clear", async () => {
  const { world, seen, line } = await waiting();
  line.say(world.server.batch(4, 4), { t: "cleared", epoch: "e1", seq: 3 }, { t: "room", modes: { v: "2", cleared: 3 } });
  line.say({ t: "epoch", epoch: "e2", seq: 1 }, { t: "cleared", epoch: "e2", seq: 2 });
  line.say({ t: "batch", epoch: "e2", seq: 2, messages: [{ seq: 2, user_id: "v", body: "old", id: "~8" }, { seq: 3, user_id: "v", body: "new", id: "~9" }] });
  await world.pass(12_000);
  assert.equal(seen.take(), "1, cleared e1 3, room 2, cleared e2 2, epoch e2 1, 3");
});

test("a clear while the client was away is told at the return, and again only where it is another one", async () => {
  const world = new World();
  world.fixedRandom = 0.1;
  const { seen, line } = await world.joined();
  world.server.post("a");
  await world.pass(10);
  line.end(1006);
  for (let i = 0; i < 3; i++) world.server.store("unseen");
  world.server.clear();
  world.server.store("new");
  await world.pass(1100);
  assert.equal(seen.take(), "1, cleared e1 4, h5");
  world.server.line.end(1006);
  await world.pass(1100);
  assert.equal(seen.take(), "");
  world.server.line.end(1006);
  world.server.goBack(0, "e2"); // the history that survived keeps its numbers, and so does the clear
  await world.pass(1100);
  assert.equal(seen.take(), "epoch e2 5");
});

test("a clear while the client was away is told where numbers have begun anew, whatever was cleared before", async () => {
  for (const there of [true, false]) { // as the numbers begin anew
    const world = new World();
    world.fixedRandom = 0.1;
    const { seen, line } = await world.joined();
    for (let i = 0; i < 5; i++) world.server.post("old");
    world.server.clear();
    await world.pass(10);
    assert.equal(seen.take(), "1, 2, 3, 4, 5, cleared e1 5, room ");
    if (!there) line.end(1006);
    world.server.restartCounting("e2");
    world.server.tellPlace();
    for (let i = 0; i < 2; i++) world.server.post("lost");
    await world.pass(there ? 10 : 0);
    if (there) line.end(1006);
    world.server.clear();
    world.server.store("new");
    await world.pass(1100);
    assert.equal(seen.take(), there ? "epoch e2 0, 1, 2, cleared e2 2, h3" : "cleared e2 2, epoch e2 0, h3");
  }
});

test("a clear behind the welcome, of what was had in another epoch, leaves the room's own: what that took is not missing", async () => {
  const world = new World();
  world.fixedRandom = 0.1;
  const { seen, line } = await world.joined();
  world.server.post("old");
  await world.pass(10);
  line.end(1006);
  world.server.clear();
  world.server.goBack(0, "e2");
  for (let i = 0; i < 4; i++) world.server.store("old");
  world.server.clear();
  world.server.onHttp = () => new Promise((resolve) => world.after(50, () => resolve(answer(503, {}))));
  world.server.onJoin = 1;
  for (let i = 0; i < 2; i++) world.server.store("new");
  await world.pass(5000);
  assert.equal(seen.take(), "1, cleared e2 5, cleared e1 1, epoch e2 0, gap 6-6 missed, h7");
});

test("a clear while the way back from a local epoch waits for history takes what was said there, too", async () => {
  const world = new World();
  const { room, seen, line } = await world.joined();
  world.server.post("old");
  world.server.goLocal("l-1");
  world.server.post("local");
  await world.pass(10);
  const later: unknown[] = [];
  room.on("cleared", (c) => later.push(c.later));
  line.end(1006);
  world.server.comeBack(3);
  world.server.onJoin = 1;
  world.server.onHttp = () => new Promise(() => {});
  await world.pass(1100);
  world.server.clear();
  await world.pass(20_000);
  assert.match(seen.take(), /cleared e1 5/);
  assert.deepEqual(later, [[]]);
});

test("who is new is not told of a clear", async () => {
  const world = new World();
  for (let i = 0; i < 3; i++) world.server.store("old");
  world.server.clear();
  world.server.store("new");
  const { seen } = await world.joined();
  world.server.tellPlace();
  await world.pass(10);
  assert.equal(seen.take(), "h4, epoch e1 4");
});

test("a clear that the rules alone tell of is told in its turn, once", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  world.server.post("a");
  line.say({ t: "epoch", epoch: "e2", seq: 1 }, { t: "room", modes: { v: "2", cleared: 1 } }, { t: "room", modes: { v: "3", cleared: 1 } });
  await world.pass(10);
  assert.equal(seen.take(), "1, epoch e2 1, room 2, cleared e2 1, room 3");
});

test("a clear counts nothing in a local epoch, and a store that has lost messages numbers new ones that come", async () => {
  const world = new World();
  const { seen } = await world.joined();
  for (let i = 0; i < 3; i++) world.server.post("a");
  world.server.clear();
  await world.pass(10);
  world.server.goLocal("l-1");
  world.server.post("local");
  await world.pass(10);
  world.server.line.end(1006); // the next welcome names the clear beside the local epoch
  world.server.post("local too");
  await world.pass(1100);
  assert.equal(seen.take(), "1, 2, 3, cleared e1 3, room , epoch l-1 0, 1, epoch l-1 2, hlocal too");
  world.server.comeBack(0);
  await world.pass(10);
  world.server.goBack(4, "e3"); // 2 to 5 are lost
  world.server.line.end(1006);
  world.server.store("new");
  await world.pass(3000);
  assert.match(seen.take(), /epoch e3 0, h2$/);
});

test("messages() leaves out what was cleared on the way, and shows as recalled what was taken back", async () => {
  const world = new World();
  const { room, line } = await world.joined();
  for (const user of ["ann", "bob", "cat", "dan"]) world.server.post("hi", { user });
  await world.pass(10);
  const asked = room.messages();
  line.say({ t: "cleared", epoch: "e1", seq: 1 }, { t: "purged", user_id: "bob", since: 0 });
  line.say({ t: "recalled", seq: 3, by: "", user_id: "cat", id: "~3", ts: 0 });
  await world.pass(10);
  const short = (m: Message) => [m.seq, m.userId, m.body, m.recalled];
  assert.deepEqual((await asked).map(short), [[2, "", "", true], [3, "", "", true], [4, "dan", "hi", false]]);
  world.server.post("bob is back", { user: "bob" });
  const after = room.messages(undefined, 1);
  await world.pass(10);
  assert.deepEqual((await after).map(short), [[5, "bob", "bob is back", false]]);
});

for (const [how, frame] of [["recalled", { t: "recalled", seq: 1, by: "", user_id: "v", id: "~1", ts: 0 }], ["purged", { t: "purged", user_id: "v", since: 0 }]] as const) {
  test(`a pinned message that is ${how} is pinned no more, whatever comes first`, async () => {
    const world = new World();
    const { room, seen, line } = await world.joined();
    const { seq, ...pinned } = world.server.post("pinned");
    const modes = { v: "2", pinned: { seq, ...pinned } };
    line.say({ t: "room", modes }, frame);
    await world.pass(10);
    assert.deepEqual([seen.take(), room.modes.pinned], [`1, room 2 pin 1, ${how === "recalled" ? "recalled 1" : "purged v 0"}, room 2`, undefined]);
    line.say({ t: "recalled", seq: 1, by: "", user_id: "v", id: "~1", ts: 0 }, { t: "room", modes });
    await world.pass(10);
    assert.equal(room.modes.pinned, undefined);
  });
}

test("a listener that closes the room on a clear ends what came with it", async () => {
  const world = new World();
  const { room, seen, line } = await world.joined();
  world.server.post("a");
  await world.pass(10);
  line.end(1006);
  world.server.clear();
  world.server.store("new");
  room.on("cleared", () => room.close());
  await world.pass(1100);
  assert.equal(seen.take(), "1, cleared e1 1");
  assert.equal(room.state.name, "closed");
  assert.equal(world.timers, 0);
});
