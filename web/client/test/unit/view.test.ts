// A room as a user interface is shown it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { identityOf, latest } from "../../src/binding.js";
import { RoomStore, type ViewOptions } from "../../src/view.js";
import { FakeServer, World } from "../world.js";

/** live is a store that somebody looks at, on a real clock with a wire of no length. */
async function live(t: { after: (f: () => void) => void }, options: Partial<ViewOptions> = {}): Promise<{ store: RoomStore; server: FakeServer; drawn: () => number }> {
  const world = new World();
  world.after = (ms, f) => {
    const timer = setTimeout(f, ms);
    return () => clearTimeout(timer);
  };
  world.server.wireMs = 0;
  const { server } = world;
  server.store("before");
  const store = new RoomStore({ room: "42", userId: "u", token: "t", url: "ws://fake:9000", WebSocket: server.WebSocket, fetch: server.fetch, ...options });
  let drawn = 0;
  const off = store.subscribe(() => drawn++);
  t.after(off);
  const found = { store, server, drawn: () => drawn };
  await shows(found, () => store.view().messages.length > 0);
  return found;
}

/** shows waits for a picture. */
async function shows({ store }: { store: RoomStore }, check: () => boolean): Promise<void> {
  if (check()) return;
  await new Promise<void>((resolve) => {
    const off = store.subscribe(() => {
      if (!check()) return;
      off();
      resolve();
    });
  });
}

const bodies = (store: RoomStore) => store.view().messages.map((m) => m.body);

test("a batch is one picture, the newest stay, and the same picture stays the same object", async (t) => {
  const here = await live(t, { keep: 3 }), { store, server } = here;
  assert.deepEqual(bodies(store), ["before"]);
  const before = here.drawn(), same = store.view();
  assert.equal(store.view(), same);
  for (let i = 0; i < 50; i++) server.store(`m${i}`);
  server.line.say(server.batch(2, 51));
  await shows(here, () => bodies(store).at(-1) === "m49");
  assert.deepEqual(bodies(store), ["m47", "m48", "m49"]);
  assert.equal(here.drawn() - before, 1);
  assert.notEqual(store.view(), same);
});

test("what is taken back loses its text, what is purged or cleared goes, counters and rules are those of now", async (t) => {
  const here = await live(t), { store, server } = here;
  for (const [body, user] of [["a", "v"], ["b", "w"], ["c", "v"], ["d", "x"]] as const) server.post(body, { user });
  await shows(here, () => bodies(store).length === 5);
  server.recall(3);
  await shows(here, () => store.view().messages[2]!.recalled);
  assert.deepEqual(bodies(store), ["before", "a", "", "c", "d"]);
  server.purge("v");
  await shows(here, () => bodies(store).length === 2);
  assert.deepEqual(bodies(store), ["", "d"], "before was of v, too");
  server.line.say({ t: "counters", online: 7, likes: 9 }, { t: "storm", shown: 1, offered: 5, level: 9, ms: 1000 }, { t: "gap", from: 6, to: 9, reason: "shed" });
  await shows(here, () => store.view().missed === 4);
  assert.deepEqual([store.view().online, store.view().likes, store.view().storm?.offered], [7, 9, 5]);
  server.line.say({ t: "storm", shown: 5, offered: 5, level: 0, ms: 1000 });
  await shows(here, () => store.view().storm === undefined);
  server.clear();
  await shows(here, () => bodies(store).length === 0);
});

test("a clear takes what was said while the store was away, too, and spares what came after another epoch began", async (t) => {
  const here = await live(t), { store, server } = here;
  server.goLocal("l-1");
  server.post("local");
  await shows(here, () => bodies(store).length === 2);
  server.comeBack(0);
  server.clear();
  server.goBack(0, "e2");
  server.tellPlace();
  server.post("after");
  await shows(here, () => bodies(store).at(-1) === "after");
  assert.deepEqual(bodies(store), ["after"]);
});

test("a gap from 1 on, which may be of what was had, counts as one", async (t) => {
  const here = await live(t), { store, server } = here;
  server.line.say({ t: "epoch", epoch: "e2", seq: 0, ts: 0 }, { t: "gap", from: 1, to: 1_000_000, reason: "shed" }, { t: "gap", from: 1_000_001, to: 1_000_003, reason: "shed" });
  await shows(here, () => store.view().missed > 1);
  assert.equal(store.view().missed, 4);
});

test("it draws in a worker, which has frames and no page, and in a page that hides before its frame", async (t) => {
  const frames = globalThis as { requestAnimationFrame?: unknown; cancelAnimationFrame?: unknown };
  t.after(() => {
    delete frames.requestAnimationFrame;
    delete frames.cancelAnimationFrame;
  });
  let f: (() => void) | undefined;
  Object.assign(frames, { requestAnimationFrame: (next: () => void) => ((f = next), setTimeout(next)), cancelAnimationFrame: clearTimeout });
  const here = await live(t), { store, server } = here;
  assert.ok(f, "it asked for a frame");
  Object.assign(frames, { requestAnimationFrame: () => 0 }); // no frame comes
  server.post("hidden");
  await shows(here, () => bodies(store).length === 2);
});

test("it connects for the first who looks, leaves after the last, and comes back to where it was", async (t) => {
  const here = await live(t), { store, server } = here;
  const off = store.subscribe(() => {});
  off();
  off();
  assert.equal(server.members.size, 1, "one still looks");
  const other = new RoomStore({ room: "42", url: "ws://h", WebSocket: server.WebSocket });
  assert.equal(server.lines.length, 1, "nobody looks at it");
  assert.equal(other.view(), other.nothing());
  for (const keep of [0, 1.5, NaN, 10_001, "9"]) assert.throws(() => new RoomStore({ room: "42", url: "ws://h", keep: keep as number }), { code: "invalid", message: /keep is/ });
});

test("another getToken is no other room, another token or room is", async () => {
  const of = (more: object) => identityOf({ url: "ws://h", room: "42", ...more });
  assert.equal(of({ getToken: () => "a" }), of({ getToken: () => "b" }));
  assert.notEqual(of({ token: "a" }), of({ token: "b" }));
  assert.notEqual(of({}), of({ userId: "u" }));
  let now: ViewOptions = { room: "42", getToken: () => "first" };
  const kept = latest(now, () => now).getToken!;
  now = { room: "42", getToken: () => "second" };
  assert.equal(await kept(), "second", "the one of the newest rendering");
  const fixed: ViewOptions = { room: "42", token: "t" };
  assert.equal(latest(fixed, () => fixed), fixed);
});
