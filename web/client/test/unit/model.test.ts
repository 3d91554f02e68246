// The promise, under everything at once, while the store goes away, comes back, goes back and loses all. Each message
// is seen once, in order, or named in a gap. Each send is one message at most, and exactly one where it was
// acknowledged and the store kept it. Messages that were taken away leave the screen, and nothing else does.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Cleared, Message } from "../../src/index.js";
import { clearedOf, means } from "../../src/recalls.js";
import { isLocal, isPurged } from "../../src/stream.js";
import { answer, World, type Stored } from "../world.js";

/** Ledger checks what a Room hands on against what the server stored, as it comes. Messages are known by their ids. */
class Ledger {
  epoch = "";
  next = 0; // the seq that must come next; 0 = not known yet
  delivered = 0;
  readonly had = new Set<string>();
  /** named is what a gap may have been of, or what was sent before the first welcome. */
  readonly named = new Set<string>();
  /** gone is what was taken back: it may have come before, and does not come any more. */
  readonly gone = new Set<string>();
  /** screen is what a page shows, the oldest first. */
  screen: Array<{ readonly message: Message; readonly epoch: string }> = [];
  readonly trouble: string[] = [];
  #gapLast = false;

  constructor(readonly world: World) {}

  welcome({ epoch, seq }: { epoch: string; seq: number }): void {
    if (this.epoch !== "") return;
    this.epoch = epoch;
    if (isLocal(epoch)) this.nameAll();
    else this.name(epoch, 1, seq);
  }

  place(epoch: string, seq: number): void {
    if (isLocal(epoch) && this.#gapLast) this.nameAll(); // how much is not known
    // their numbers are others' now
    if (epoch === this.epoch) this.screen = this.screen.map((row) => (row.epoch === epoch && row.message.seq > seq ? { ...row, epoch: "lost" } : row));
    this.epoch = epoch;
    this.next = seq + 1;
  }

  /** range: messages before from were received under another number, or taken back. */
  range(what: string, from: number, to: number): void {
    if (from > to || from < this.next) this.trouble.push(`${what} ${from}-${to} in ${this.epoch}, want ${this.next}`);
    for (let seq = this.next || from; seq < from; seq++) {
      const passed = this.world.server.posted.get(this.epoch)![seq - 1];
      if (!passed || !(this.world.server.taken(passed) || this.world.server.hidden.has(passed) || this.had.has(passed.id) || this.gone.has(passed.id))) this.trouble.push(`${what} ${from} in ${this.epoch}, and nothing of ${seq}`);
    }
    this.next = to + 1;
    this.#gapLast = what === "gap";
  }

  gap(from: number, to: number): void {
    this.range("gap", from, to);
    if (isLocal(this.epoch)) this.nameAll();
    this.name(this.epoch, from, to);
  }

  message(m: Message): void {
    this.delivered++;
    this.#gapLast = false;
    if (this.gone.has(m.id) && !this.again(m.id)) this.trouble.push(`message ${m.id} was taken back, and comes`);
    if (this.had.has(m.id)) this.trouble.push(`message ${m.id} twice, in ${this.epoch} as ${m.seq}`);
    this.had.add(m.id);
    this.screen.push({ message: m, epoch: this.epoch });
    if (m.seq === 0) return;
    this.range("message", m.seq, m.seq);
    const stored = this.world.server.posted.get(this.epoch)![m.seq - 1];
    if (stored?.id !== m.id || stored.body !== m.body) this.trouble.push(`message ${m.seq} in ${this.epoch} is ${m.id}, want ${stored?.id}`);
  }

  name(epoch: string, from: number, to: number): void {
    for (const m of this.world.server.posted.get(epoch)!.slice(from - 1, to)) this.named.add(m.id);
  }

  nameAll(): void {
    for (const all of this.world.server.posted.values()) for (const m of all) this.named.add(m.id);
  }

  purged(since: number): void {
    for (const purge of this.world.server.purges) if (purge.since === since) for (const m of purge.theirs) this.gone.add(m.id);
  }

  cleared(cleared: Cleared): void {
    const { server } = this.world;
    for (const m of server.posted.get(cleared.epoch)!.slice(0, cleared.seq)) if (server.cleared.has(m)) this.gone.add(m.id);
    const end = clearedOf(this.screen, cleared);
    this.takeOff((_, i) => i < end, `cleared ${cleared.epoch} ${cleared.seq}`);
  }

  /** takeOff takes rows off the screen, which somebody has taken away, or may have. */
  takeOff(gone: (row: { message: Message; epoch: string }, i: number) => boolean, why: string): void {
    this.screen = this.screen.filter((row, i) => {
      if (!gone(row, i)) return true;
      if (!this.takenOf(row.message).includes(true)) this.trouble.push(`message ${row.message.id} leaves the screen: ${why}`);
      return false;
    });
  }

  /** takenOf says of each that was stored as this message whether it was taken away. */
  takenOf({ id }: Message): boolean[] {
    const { server } = this.world;
    return server.everything.filter((m) => m.id === id).map((m) => server.taken(m) || server.hidden.has(m));
  }

  /** left is what was taken away, and is still on the screen. */
  get left(): string[] {
    const { hidden } = this.world.server;
    return this.screen.filter(({ message }) => !this.takenOf(message).includes(false) && ![...hidden].some((m) => m.id === message.id)).map(({ message, epoch }) => `${epoch} ${message.seq} ${message.id}`);
  }

  /** again says that a send whose message was taken away, and then lost by the store, was stored anew. */
  again(id: string): boolean {
    const { server } = this.world, stored = server.everything.filter((m) => m.id === id);
    return stored.length > 1 && stored.some((m) => !server.taken(m));
  }

  /** missing are the messages of the present count that were neither received nor named. */
  get missing(): string[] {
    const all = this.world.server.posted.get(this.world.server.epoch)!;
    return all.filter((m) => !this.world.server.taken(m) && ![this.had, this.named, this.gone].some((ids) => ids.has(m.id))).map((m) => `${m.seq} ${m.id} ${m.body}`);
  }
}

/** run lives through steps random events, heals the world and checks the books. */
async function run(seed: number, steps: number): Promise<number> {
  const world = new World(seed);
  const { server } = world;
  server.onJoin = 1 + world.upTo(30);
  server.wireMs = 1 + world.upTo(50);
  server.heartbeatMs = 5000;
  server.auth = { auth_expires_ms: world.upTo(2) * (1 + world.upTo(20_000)) };
  let tokens = 0;
  const gapLimit = [0, 20, 500][world.upTo(3)]!;
  const { room } = world.room({ gapLimit, getToken: () => `t${++tokens}` });
  const ledger = new Ledger(world);
  room.on("welcome", (w) => ledger.welcome(w));
  room.on("epoch", (e) => ledger.place(e.epoch, e.seq));
  room.on("message", (m) => ledger.message(m));
  room.on("gap", (g) => ledger.gap(g.from, g.to));
  room.on("purged", (p) => {
    ledger.purged(p.since);
    ledger.takeOff(({ message }) => isPurged(message, p), `purged ${p.userId} ${p.since}`);
  });
  room.on("cleared", (c) => ledger.cleared(c));
  room.on("recalled", (r) => {
    ledger.takeOff(({ message, epoch }) => means(r, message, epoch === room.epoch), `recalled ${r.userId} ${r.id || r.seq}`);
    if (r.userId !== "") ledger.gone.add(r.id);
    else if (r.seq >= ledger.next) ledger.range("recalled", r.seq, r.seq); // by history, in place of the message
  });
  for (let i = world.upTo(60); i > 0; i--) server.store("before");

  const sends: Array<{ id: string; outcome: string; seq: number }> = [];
  let unnoticed = false; // since the last welcome
  room.on("welcome", () => void (unnoticed = false));
  const again = (said: Stored[]) => { // Sent again, behind others.
    for (const m of said.filter((m) => m.user_id === "v" && !server.taken(m)).slice(0, world.upTo(4))) {
      if (world.upTo(2) === 0) server.post("new");
      server.post(m.body, { user: m.user_id, id: m.id });
    }
  };
  const ops: Array<[weight: number, name: string, op: () => unknown]> = [
    [30, "post", () => server.post(`p${world.now()}`)],
    [10, "send", () => {
      const send = { id: `s${sends.length}`, outcome: "waits", seq: 0 };
      sends.push(send);
      room.send(send.id, { id: send.id }).then(
        ({ seq }) => Object.assign(send, { outcome: "acked", seq }),
        (err: { code: string }) => Object.assign(send, { outcome: err.code }),
      );
    }],
    [6, "cut", () => server.line.end(1006)],
    [2, "die", () => server.line.die()],
    [5, "hole", () => server.store("said to nobody")],
    [5, "gap", () => {
      if (server.away) return; // a node is notified of these by the store
      const from = server.seq + 1;
      for (let i = world.upTo(40); i >= 0; i--) server.store("skipped");
      for (const line of server.members) line.say({ t: "gap", from, to: server.seq, reason: ["slow", "lost", "shed"][world.upTo(3)] });
    }],
    [5, "duplicates", () => {
      const to = 1 + world.upTo(server.seq);
      for (const line of server.members) line.say(server.batch(Math.max(1, to - 5), Math.min(to, server.seq)));
    }],
    [3, "trim", () => server.history.splice(0, world.upTo(server.history.length))],
    [3, "recall", () => !server.away && server.history.length > 0 && server.recall(server.history[world.upTo(server.history.length)]!.seq)],
    [1, "purge", () => {
      const since = Math.floor(world.now()) - world.upTo(5000);
      if (!server.away && server.purges.every((purge) => purge.since !== since)) server.purge("v", since);
    }],
    [1, "clear", () => !server.away && server.seq > 0 && server.clear()], // else no number shows it who was away
    [1, "lose all", () => {
      if (server.away) return;
      server.restartCounting(`e${server.posted.size + 1}`);
      server.tellPlace();
    }],
    [3, "go back", () => {
      if (server.away) return;
      const lost = server.history.slice();
      server.goBack(world.upTo(Math.min(server.seq, 30) + 1), `e${server.posted.size + 1}`);
      server.tellPlace();
      again(lost.filter((m) => m.seq > server.seq));
    }],
    [1, "go back unnoticed", async () => { // By nobody, as where the whole site starts again from a snapshot.
      if (server.away || gapLimit === 0) return;
      server.onHttp = undefined;
      server.post("the last that it has");
      await world.pass(200);
      if (room.state.name !== "open" || room.seq !== server.seq) return;
      const lost = server.history.slice();
      unnoticed = true;
      for (const line of [...server.members]) line.end(1006);
      server.goBack(Math.min(world.upTo(6), lost.length), server.epoch);
      again(lost.filter((m) => m.seq > server.seq));
      for (let i = world.upTo(6); i > 0; i--) server.store("new");
      await world.pass(3000);
    }],
    [1, "forget", () => {
      // of a number that came twice nobody knows which one is meant
      if (server.members.size > 0 || server.forgot || unnoticed) return;
      server.forgot = true;
      server.recalls.length = 0;
      server.hideAll();
    }],
    [2, "sleep", () => {
      if (world.upTo(2) === 0) server.line.die();
      world.sleep(world.upTo(300_000));
    }],
    [3, "store away", () => {
      if (server.away) server.comeBack(world.upTo(4));
      // the first one that comes then cannot distinguish what is from before, where history is trimmed too
      else if (ledger.epoch !== "") server.goLocal(`l-${server.posted.size}`);
    }],
    [3, "behind", () => !server.away && (server.behind = world.upTo(5))],
    [2, "refuse", () => server.refusals.push([{ status: 503, body: { error: { code: "full", message: "full", retry_after_ms: 500 } } }, "cut" as const][world.upTo(2)]!)],
    [3, "bad history", () => {
      const bad = world.upTo(3);
      server.onHttp = bad === 0 ? undefined : (path) => (path.includes("/messages") ? (bad === 1 ? answer(500, {}) : new Promise(() => {})) : undefined);
    }],
    [2, "busy", () => (server.busy = !server.busy)],
    [1, "leave", () => server.line.open && server.line.say({ t: "reconnect", after_ms: 2000 })],
    // before a welcome a second one closes the room
    [2, "token ends", () => room.state.name === "open" && server.line.end(4401)],
    [2, "token refused", () => server.authRefusals.push({ code: ["unavailable", "token_expired"][world.upTo(2)], retry_after_ms: 200 })],
    [2, "reopen", () => (room.close(), room.connect())],
    [2, "back", () => void world.back()],
  ];
  const total = ops.reduce((sum, [weight]) => sum + weight, 0);

  room.connect();
  await world.pass(0); // there is a line from here on
  for (let i = 0; i < steps; i++) {
    let n = world.upTo(total);
    await ops.find(([weight]) => (n -= weight) < 0)![2]();
    await world.pass(world.chance() < 0.2 ? world.upTo(3000) : world.upTo(30));
  }
  server.onHttp = undefined;
  server.refusals = [];
  server.busy = false;
  server.behind = 0;
  if (server.away) server.comeBack(0);
  await world.pass(200_000);
  server.post("the last");
  await world.pass(60_000);

  assert.deepEqual(ledger.trouble, [], `seed ${seed}`);
  assert.deepEqual([room.state.name, room.epoch, ledger.epoch, ledger.next, room.seq], ["open", server.epoch, server.epoch, server.seq + 1, server.seq], `seed ${seed}`);
  assert.deepEqual(ledger.missing, [], `seed ${seed}`);
  assert.deepEqual(ledger.left, [], `seed ${seed}: what was taken away is on the screen`);
  const everything = new Set([...[...server.posted].filter(([epoch]) => !isLocal(epoch)).flatMap(([, all]) => all), ...server.lost]);
  for (const send of sends) {
    const stored = [...everything].filter((m) => m.id === send.id);
    const kept = stored.filter((m) => !server.lost.has(m));
    assert.notEqual(send.outcome, "waits", `seed ${seed}: ${send.id}`);
    assert.ok(kept.length <= 1, `seed ${seed}: ${send.id} is ${kept.length} messages`);
    if (send.outcome === "busy") assert.equal(stored.length, 0, `seed ${seed}: ${send.id} was refused`);
    if (send.outcome === "acked") assert.ok(stored.some((m) => send.seq === 0 || m.seq === send.seq), `seed ${seed}: ${send.id}`);
  }
  room.close();
  await world.pass(200); // the server's wires empty
  assert.equal(world.timers, 0, `seed ${seed}: timers left`);
  return ledger.delivered;
}

const seeds = Number(process.env["SEEDS"] ?? 60);
test(`${seeds} lives of 150 events`, async () => {
  let delivered = 0;
  const first = Number(process.env["SEED"] ?? 1);
  for (let seed = first; seed < first + seeds; seed++) delivered += await run(seed, 150);
  assert.ok(delivered > seeds * 50, `only ${delivered} messages were delivered: the model is asleep`);
});
