// Whatever a caller passes, and whatever the network does: every promise and every state ends, with a clear error.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Room } from "../../src/room.js";
import type { RoomOptions, SendOptions } from "../../src/types.js";
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
