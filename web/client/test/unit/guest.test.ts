// The user and their permissions, as the welcome has them.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { RoomOptions, Welcome } from "../../src/index.js";
import { World } from "../world.js";

/** nobody are options without a user and without a token. */
const nobody = { userId: undefined, token: undefined } as object as Partial<RoomOptions>;

test("a guest comes without a token and without a name, and is who the welcome says", async () => {
  const world = new World();
  world.server.user = "g-1";
  world.server.auth = { guest: true, can: ["read", 7], role: "", auth_expires_ms: 0 };
  const { room, seen, line } = await world.joined(nobody);
  assert.deepEqual([line.url.search, line.protocols], ["", ["barrage.v1"]]);
  assert.deepEqual([room.userId, room.can], ["g-1", ["read"]]);
  const { guest, can, role, authExpiresMs } = seen.all.find((s) => s.event === "welcome")!.args[0] as Welcome;
  assert.deepEqual([guest, can, role, authExpiresMs], [true, ["read"], "", 0]);
  const asked = room.messages();
  await world.pass(10);
  await asked;
  assert.deepEqual([world.server.requests, world.server.authorizations], [["/v1/rooms/42/messages?limit=50"], [null]]);
});

test("where guests are not let in, a guest hears it once, and nothing is tried again", async () => {
  const world = new World();
  world.server.refusals = [{ status: 401, body: { error: { code: "unauthenticated", message: "guests are off" } } }];
  const { room, seen } = await world.joined(nobody);
  await world.pass(100_000);
  assert.deepEqual([room.state.name, room.state.reason, world.server.lines.length], ["closed", "unauthenticated", 1]);
  assert.equal(seen.take(), "error unauthenticated");
  assert.deepEqual(world.server.requests, ["/v1/rooms/42?for=socket"]);
});

test("the token names the user: a message of theirs answers a send whose ack was cut off", async () => {
  const world = new World();
  world.server.user = "ann";
  world.server.auth = { guest: false, can: ["read", "send", "high"], role: "host", auth_expires_ms: 5000 };
  const { room, seen, line } = await world.joined({ userId: undefined } as object);
  assert.deepEqual([room.userId, room.can, line.url.search], ["ann", ["read", "send", "high"], ""]);
  const { role, authExpiresMs } = seen.all.find((s) => s.event === "welcome")!.args[0] as Welcome;
  assert.deepEqual([role, authExpiresMs], ["host", 5000]);
  world.server.mute = true;
  const sent = room.send("hi", { id: "c-1" });
  await world.pass(10);
  world.server.post("hi", { user: "ann", id: "c-1" });
  await world.pass(10);
  assert.equal((await sent).seq, 1);
});

test("what an older server does not say: one may all that everybody may", async () => {
  const world = new World();
  const { room } = world.room();
  assert.deepEqual([room.userId, room.can], ["u", []]);
  room.connect();
  await world.pass(10);
  assert.deepEqual([room.userId, room.can], ["u", ["read", "send", "like", "recall"]]);
});

test("a guest who is another one after a cut does not say again what may be there; the rest goes out", async () => {
  const world = new World();
  world.server.user = "g-1";
  const { room, line } = await world.joined(nobody);
  world.server.mute = true;
  const went = assert.rejects(room.send("went out"), { name: "SendError", code: "unconfirmed" });
  await world.pass(10);
  line.end(1006);
  const waited = room.send("waited");
  world.server.user = "g-2";
  world.server.mute = false;
  await world.pass(1100);
  await went;
  assert.equal((await waited).seq, 1);
  assert.equal(room.userId, "g-2");
});

test("a send that one may not is refused as forbidden; a like that one may not is an error, and answers no recall", async () => {
  const world = new World();
  world.server.auth = { can: ["read", "recall"] };
  const { room, seen, line } = await world.joined();
  world.server.mute = true;
  const send = assert.rejects(room.send("hi", { id: "c-1" }), { name: "SendError", code: "forbidden" });
  const recall = assert.rejects(room.recall(9), { code: "not_found" });
  room.like();
  await world.pass(10);
  line.say({ t: "refused", id: "c-1", code: "forbidden", message: "you may not send" }, { t: "refused", id: "", code: "forbidden", message: "you may not like" });
  await world.pass(10);
  await send;
  assert.equal(seen.take(), "error forbidden");
  line.say({ t: "refused", id: "", code: "not_found", message: "no such message" });
  await world.pass(10);
  await recall;
});

test("what a token says of its user to all comes with their messages; what is no object is left out", async () => {
  const world = new World();
  const { seen, line } = await world.joined();
  const users = [{ name: "Ann", level: 7 }, "Ann", null, ["Ann"]];
  line.say({ t: "batch", epoch: "e1", seq: 1, messages: users.map((user, i) => ({ seq: i + 1, user_id: "v", body: "hi", id: `~${i}`, user })) });
  await world.pass(10);
  assert.deepEqual(seen.all.filter((s) => s.event === "message").map((s) => "user" in s.args[0] && s.args[0].user), [users[0], false, false, false]);
});
