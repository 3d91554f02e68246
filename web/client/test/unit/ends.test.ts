// Arguments of all kinds, and all that a network does: every promise and every state ends, with a clear error.

import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesOf } from "../../src/check.js";
import { Overlay } from "../../src/overlay.js";
import { readExport, Replay } from "../../src/replay.js";
import { Room } from "../../src/room.js";
import type { RoomOptions, SendOptions } from "../../src/types.js";
import { protocolsFor } from "../../src/token.js";
import { RoomStore } from "../../src/view.js";
import { World } from "../world.js";

/** odd is what no type would let through. */
const odd = <T>(value: unknown) => value as T;

test("what is no send is refused at once, with what is wrong", async () => {
  const world = new World();
  const { room, line } = await world.joined();
  const loop: Record<string, unknown> = {};
  loop["loop"] = loop;
  for (const [options, says] of [
    [null, /the options are no object but null/], ["chat", /the options are no object/],
    [{ id: 7 }, /the id is no string but number/], [{ id: "" }, /the id has 0 bytes/], [{ id: "x".repeat(65) }, /the id has 65 bytes/], [{ id: "~x" }, /the nodes' own/], [{ id: "\ud800" }, /surrogate/],
    [{ kind: 7 }, /kind is 7/], [{ kind: "" }, /kind is ""/], [{ kind: "a b" }, /kind is "a b"/], [{ kind: Symbol() }, /kind is symbol/],
    [{ ext: () => 1 }, /ext is a function/], [{ ext: Symbol() }, /ext is a symbol/], [{ ext: 1n }, /BigInt/], [{ ext: loop }, /circular/i],
    [{ timeoutMs: NaN }, /timeoutMs is NaN/], [{ timeoutMs: -1 }, /timeoutMs is -1/], [{ timeoutMs: "9" }, /timeoutMs is 9/],
  ] as const) {
    await assert.rejects(room.send("hi", odd<SendOptions>(options)), { name: "SendError", code: "invalid", message: says });
  }
  for (const [seq, epoch] of [[0, "e"], [-1, "e"], [1.5, "e"], [NaN, "e"], [undefined, "e"], ["1", "e"], [1, 7], [1, null]] as const) {
    await assert.rejects(room.recall(odd(seq), odd(epoch)), { name: "SendError", code: "invalid", message: /^cannot recall: (seq|epoch) is / });
  }
  for (const op of [undefined, null, 7, {}, { verb: "modes", modes: null }]) await assert.rejects(room.moderate(odd(op)), { name: "SendError", code: "invalid", message: /^cannot moderate: / });
  for (const [before, limit] of [[NaN, 1], ["1", 1], [-1, 1], [1, 0], [1, NaN], [undefined, "9"]] as const) {
    await assert.rejects(room.messages(odd(before), odd(limit)), { name: "HttpError", code: "invalid", message: /^cannot get messages: (before|limit) is / });
  }
  assert.throws(() => room.on("message", odd(undefined)), { code: "invalid", message: /the listener is no function but undefined/ });
  assert.equal(line.got.length, 0, "nothing of it went out");
  room.close();
});

test("what cannot be written in an error is none of the errors: whatever is passed, wherever, the answer is \"invalid\"", async () => {
  const { room } = new World().room(), video = { currentTime: 0 }, place = { append() {} };
  const silent: unknown = Object.create(null), angry = { toString() { throw new Error("no"); } };
  for (const it of [null, 7n, Symbol("s"), silent, angry]) {
    const calls: Record<string, () => unknown> = {
      room: () => new Room(odd(it)), url: () => new Room({ room: "42", url: odd(it) }), backoff: () => new Room({ room: "42", url: "ws://h", WebSocket: class {} as never, backoffBaseMs: odd(it ?? "") }),
      send: () => room.send(odd(it)), id: () => room.send("x", { id: odd(it) }), kind: () => room.send("x", { kind: odd(it) }), timeout: () => room.send("x", { timeoutMs: odd(it) }),
      like: () => room.like(odd(it)), recall: () => room.recall(odd(it)), epoch: () => room.recall(1, odd(it)), moderate: () => room.moderate(odd(it)), messages: () => room.messages(odd(it)), on: () => room.on("message", odd(it)),
      store: () => new RoomStore(odd(it === silent || it === angry ? undefined : it)), keep: () => new RoomStore({ room: "42", keep: odd(it) }),
      export: () => readExport(odd(it)), video: () => new Replay(odd(it), []), list: () => new Replay(video, odd(it)), items: () => new Replay(video, [odd(it)]), t0: () => new Replay(video, [], { t0: odd(it) }),
      place: () => new Overlay(odd(it)), look: () => new Overlay(odd(place), { look: odd(it) }), lines: () => new Overlay(odd(place), { lines: odd(it) }), hide: () => new Overlay(odd(place), { hide: odd(it) }),
    };
    for (const [name, call] of Object.entries(calls)) await assert.rejects(async () => call(), { code: "invalid", message: /^cannot / }, `${name} of a ${typeof it}`);
  }
  room.close();
});

test("nodes that send everybody on as they come make no loop", async () => {
  const world = new World();
  world.fixedRandom = 0.9;
  const { room } = await world.joined({ backoffBaseMs: 1000 });
  const sendOn = () => world.server.line.say({ t: "reconnect", after_ms: 0 });
  room.on("welcome", sendOn);
  sendOn();
  await world.pass(28_500); // 0.9 s, 1.8 s, 3.6 s, 7.2 s and 14.4 s
  assert.equal(world.server.lines.length, 6);
  room.close();
});

test("pages that Jest makes up lack much: lengths and tokens need no TextEncoder", (t) => {
  const { TextEncoder } = globalThis, texts = ["", "a\u0000~", "é弹\uffff", "🎶\u{10ffff}", "\ud800 half"];
  const want = texts.map((text) => new TextEncoder().encode(text).length);
  t.after(() => Object.assign(globalThis, { TextEncoder }));
  Reflect.deleteProperty(globalThis, "TextEncoder");
  assert.deepEqual(texts.map(bytesOf), want);
  assert.equal(protocolsFor("é弹🎶~?>")[1], `bearer.${Buffer.from("é弹🎶~?>").toString("base64url")}`);
});

test("options that would wait for ever, or are none, are refused where the Room is made", () => {
  for (const options of [undefined, null, "42"]) assert.throws(() => new Room(odd<RoomOptions>(options)), { code: "invalid", message: /the options are no object/ });
  const good = { room: "42", url: "ws://h", WebSocket: class {} as never };
  for (const name of ["backoffBaseMs", "backoffCapMs", "sendTimeoutMs"]) {
    for (const ms of [...(name === "sendTimeoutMs" ? [] : [Infinity]), NaN, 0, "9"]) assert.throws(() => new Room(odd<RoomOptions>({ ...good, [name]: ms })), { code: "invalid", message: new RegExp(`${name} is `) });
  }
});

test("a fetch that heeds no signal and never answers holds nothing up: the room goes on, history rejects", async () => {
  const world = new World();
  world.server.refusals = ["cut"];
  world.fixedRandom = 0.9;
  const { room } = world.room({ fetch: () => new Promise<never>(() => {}) });
  room.connect();
  await world.pass(20);
  assert.equal(room.state.name, "connecting", "it asks why");
  world.server.refusals = [];
  await world.pass(4999);
  assert.equal(room.state.name, "waiting");
  await world.pass(2000);
  assert.equal(room.state.name, "open");
  const asked = assert.rejects(room.messages(), { name: "HttpError", code: "timeout" });
  await world.pass(5001);
  await asked;
  const asking = assert.rejects(room.messages(), { name: "HttpError", code: "closed" });
  await world.pass(1);
  room.close();
  await asking;
});

test("offline is believed at once, what is said then waits, and the network's return ends the wait", async () => {
  const world = new World();
  const { room } = await world.joined({ backoffBaseMs: 20_000 });
  world.fixedRandom = 0.9;
  world.server.refusals = ["cut", "cut", "cut"];
  for (const away of [...world.aways]) away();
  assert.deepEqual([room.state.name, room.state.reason, room.state.retryInMs], ["waiting", "offline", 18_000]);
  const sent = room.send("meanwhile");
  world.server.refusals = [];
  await world.back();
  await world.pass(20);
  assert.equal(room.state.name, "open");
  assert.equal((await sent).seq, 1);
  room.close();
  assert.deepEqual([world.backs.size, world.aways.size], [0, 0]);
});
