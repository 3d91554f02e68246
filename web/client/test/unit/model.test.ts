// The promise, under everything at once: each message is seen once, in order, or named
// in a gap; each send is one message at most, and exactly one where it was acknowledged.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Message } from "../../src/index.js";
import { answer, World } from "../world.js";

/** Ledger checks what a Room hands on against what the server stored, as it comes. */
class Ledger {
  epoch = "";
  next = 0; // the seq that must come next; 0 = not known yet
  delivered = 0;
  readonly trouble: string[] = [];

  constructor(readonly world: World) {}

  welcome(epoch: string): void {
    if (this.epoch === "") this.epoch = epoch;
  }

  startEpoch(epoch: string): void {
    if (epoch === this.epoch) this.trouble.push(`epoch ${epoch} twice`);
    this.epoch = epoch;
    this.next = 1;
  }

  range(what: string, from: number, to: number): void {
    if (from > to || (this.next > 0 && from !== this.next)) this.trouble.push(`${what} ${from}-${to} in ${this.epoch}, want ${this.next}`);
    this.next = to + 1;
  }

  message(m: Message): void {
    this.range("message", m.seq, m.seq);
    this.delivered++;
    const stored = this.world.server.posted.get(this.epoch)![m.seq - 1];
    if (stored?.body !== m.body || stored.user_id !== m.userId) this.trouble.push(`message ${m.seq} in ${this.epoch} has body ${m.body}`);
  }
}

/** run lives through steps random events, heals the world and checks the books. */
async function run(seed: number, steps: number): Promise<number> {
  const world = new World(seed);
  const { server } = world;
  server.onJoin = 1 + world.upTo(30);
  server.wireMs = 1 + world.upTo(50);
  server.heartbeatMs = 5000;
  const { room } = world.room({ gapLimit: [0, 20, 500][world.upTo(3)]! });
  const ledger = new Ledger(world);
  room.on("welcome", (w) => ledger.welcome(w.epoch));
  room.on("epoch", (e) => ledger.startEpoch(e.epoch));
  room.on("message", (m) => ledger.message(m));
  room.on("gap", (g) => ledger.range("gap", g.from, g.to));
  room.on("recalled", (r) => {
    if (r.by === "" && r.seq >= ledger.next) ledger.range("recalled", r.seq, r.seq); // by history, in place of the message
  });
  for (let i = world.upTo(60); i > 0; i--) server.store("before");

  const sends: Array<{ id: string; outcome: string; seq: number }> = [];
  const ops: Array<[weight: number, name: string, op: () => void]> = [
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
      const from = server.seq + 1;
      for (let i = world.upTo(40); i >= 0; i--) server.store("skipped");
      for (const line of server.members) line.say({ t: "gap", from, to: server.seq, reason: ["slow", "lost", "shed"][world.upTo(3)] });
    }],
    [5, "duplicates", () => {
      const to = 1 + world.upTo(server.seq);
      for (const line of server.members) line.say(server.batch(Math.max(1, to - 5), Math.min(to, server.seq)));
    }],
    [3, "trim", () => server.history.splice(0, world.upTo(server.history.length))],
    [3, "recall", () => server.history.length > 0 && server.recall(server.history[world.upTo(server.history.length)]!.seq)],
    [1, "epoch", () => {
      server.restartCounting(`e${server.posted.size + 1}`);
      for (let i = world.upTo(5); i > 0; i--) server.store("of the new count");
      for (const line of server.members) line.say({ t: "epoch", epoch: server.epoch, seq: server.seq });
    }],
    [2, "refuse", () => server.refusals.push([{ status: 503, body: { error: { code: "full", message: "full", retry_after_ms: 500 } } }, "cut" as const][world.upTo(2)]!)],
    [3, "bad history", () => {
      const bad = world.upTo(3);
      server.onHttp = bad === 0 ? undefined : (path) => (path.includes("/messages") ? (bad === 1 ? answer(500, {}) : new Promise(() => {})) : undefined);
    }],
    [2, "busy", () => (server.busy = !server.busy)],
    [1, "leave", () => server.line.open && server.line.say({ t: "reconnect", after_ms: 2000 })],
    [2, "reopen", () => (room.close(), room.connect())],
    [2, "back", () => void world.back()],
  ];
  const total = ops.reduce((sum, [weight]) => sum + weight, 0);

  room.connect();
  await world.pass(0); // there is a line from here on
  for (let i = 0; i < steps; i++) {
    let n = world.upTo(total);
    ops.find(([weight]) => (n -= weight) < 0)![2]();
    await world.pass(world.chance() < 0.2 ? world.upTo(3000) : world.upTo(30));
  }
  server.onHttp = undefined;
  server.refusals = [];
  server.busy = false;
  await world.pass(200_000);
  server.post("the last");
  await world.pass(60_000);

  assert.deepEqual(ledger.trouble, [], `seed ${seed}`);
  assert.deepEqual([room.state.name, room.epoch, ledger.epoch, ledger.next, room.seq], ["open", server.epoch, server.epoch, server.seq + 1, server.seq], `seed ${seed}`);
  const everything = [...server.posted.values()].flat();
  for (const send of sends) {
    const stored = everything.filter((m) => m.id === send.id);
    assert.notEqual(send.outcome, "waits", `seed ${seed}: ${send.id}`);
    assert.ok(stored.length <= 1, `seed ${seed}: ${send.id} is ${stored.length} messages`);
    if (send.outcome === "busy") assert.equal(stored.length, 0, `seed ${seed}: ${send.id} was refused`);
    if (send.outcome === "acked") assert.deepEqual(stored.map((m) => m.seq), [send.seq], `seed ${seed}: ${send.id}`);
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
