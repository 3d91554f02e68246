// Against the real gateway, in Node.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test, type TestContext } from "node:test";
import { WebSocket } from "ws";
import { Room, type Message, type RoomOptions, type WebSocketClass } from "../../src/index.js";
import { Cutter } from "../cutter.js";
import { Program, startRedis } from "../program.js";
import { eventually, Gateway } from "./gateway.js";

/** Guest is a Room and the messages that it has seen. */
class Guest {
  readonly room: Room;
  readonly messages: Message[] = [];
  readonly log: string[] = [];

  constructor(t: TestContext, port: number, options: Partial<RoomOptions> = {}) {
    this.room = new Room({
      url: `ws://127.0.0.1:${port}`, room: "42", userId: "ann", token: "t", WebSocket: WebSocket as WebSocketClass, backoffBaseMs: 20, backoffCapMs: 200, ...options,
    });
    t.after(() => this.room.close());
    this.room.on("message", (m) => this.messages.push(m));
    this.room.on("gap", (g) => this.log.push(`gap ${g.from}-${g.to} ${g.reason}`));
    this.room.on("recalled", (r) => this.log.push(`recalled ${r.seq} by ${r.by}`));
    this.room.on("epoch", (e) => this.log.push(`epoch ${e.epoch} at ${e.seq}`));
    this.room.on("error", (e) => this.log.push(`error ${e.code}`));
    this.room.on("state", (s) => this.log.push(`${s.name} ${s.reason}`));
    this.room.connect();
  }

  get bodies(): string[] {
    return this.messages.map((m) => m.body);
  }

  async open(): Promise<this> {
    await eventually("the room is open", () => this.room.state.name === "open");
    return this;
  }
}

test("two chat, like and recall", async (t) => {
  const { port } = await Gateway.start(t);
  const ann = await new Guest(t, port).open();
  const bob = await new Guest(t, port, { userId: "bob" }).open();
  const sent = await ann.room.send("弹幕 \u{1F600}", { kind: "gift", ext: { gift: "rose", n: [1, 2] }, id: "c-1" });
  await eventually("bob has it", () => bob.messages.length === 1);
  const { ts, ...m } = bob.messages[0]!;
  assert.deepEqual(m, { seq: sent.seq, kind: "gift", userId: "ann", body: "弹幕 \u{1F600}", id: "c-1", ext: { gift: "rose", n: [1, 2] }, recalled: false });
  assert.equal(ts, sent.ts);

  const again = await ann.room.send("弹幕 \u{1F600}", { kind: "gift", id: "c-1" });
  assert.equal(again.seq, sent.seq, "the same id is the same message");

  bob.room.like(3);
  await eventually("ann sees the likes and both members", () => ann.room.likes === 3 && ann.room.online === 2);

  await assert.rejects(bob.room.recall(sent.seq), { name: "SendError", code: "forbidden" });
  await ann.room.recall(sent.seq);
  await eventually("bob hears of the recall", () => bob.log.includes(`recalled ${sent.seq} by ann`));
  const history = await bob.room.messages();
  assert.deepEqual(history.map((h) => [h.seq, h.recalled]), [[sent.seq, true]]);
  assert.deepEqual([bob.messages.length, ann.messages.length], [1, 1]);
});

test("what was said before is history, page by page", async (t) => {
  const { port } = await Gateway.start(t, { BARRAGE_HISTORY_ON_JOIN: "3" });
  const ann = await new Guest(t, port).open();
  for (let i = 1; i <= 9; i++) await ann.room.send(`m${i}`);
  const bob = await new Guest(t, port, { userId: "bob" }).open();
  assert.deepEqual(bob.bodies, ["m7", "m8", "m9"]);
  const older = await bob.room.messages(bob.messages[0]!.seq, 4);
  assert.deepEqual(older.map((m) => m.body), ["m3", "m4", "m5", "m6"]);
});

test("cut by force again and again: each message once, in order; each send one message", async (t) => {
  const { port } = await Gateway.start(t);
  const cutter = await Cutter.before(() => port);
  t.after(() => cutter.close());
  const ann = await new Guest(t, cutter.port).open();
  const bob = await new Guest(t, cutter.port, { userId: "bob" }).open();
  const eve = await new Guest(t, port, { userId: "eve" }).open(); // is not cut
  const total = 300;
  const sends: Array<Promise<unknown>> = [];
  let cuts = 0;
  for (let i = 1; i <= total; i++) {
    sends.push((i % 2 ? ann : eve).room.send(`m${i}`));
    if (i % 15 !== 0) continue;
    await eventually("both are there to be cut, and most is answered", () => cutter.connections >= 2 && ann.room.state.name === "open" && bob.room.state.name === "open" && eve.messages.length > i - 60);
    if (i % 30 === 0) cutter.cutAfter = 200 + i; // amidst the next handshake or welcome
    cuts += cutter.cutAll();
  }
  await Promise.all(sends);
  for (const guest of [ann, bob, eve]) await eventually("all have all", () => guest.messages.length >= total);
  const seqs = Array.from({ length: total }, (_, i) => i + 1);
  for (const guest of [ann, bob, eve]) {
    assert.deepEqual(guest.messages.map((m) => m.seq), seqs);
    assert.deepEqual(guest.bodies, eve.bodies);
    assert.deepEqual(guest.log.filter((l) => l.startsWith("gap")), []);
  }
  assert.equal(new Set(eve.bodies).size, total);
  assert.ok(cuts >= 30, `only ${cuts} cuts`);
});

test("a node that leaves says so; the room comes back to the next one, and nothing that waits is lost", async (t) => {
  const first = await Gateway.start(t);
  let port = first.port;
  const cutter = await Cutter.before(() => port);
  t.after(() => cutter.close());
  const ann = await new Guest(t, cutter.port).open();
  await ann.room.send("on the first node");
  await first.stop("SIGTERM");
  await eventually("ann has heard", () => ann.room.state.name !== "open");
  assert.ok(ann.log.some((l) => l.endsWith(" leaving")), ann.log.join(", "));
  const sent = ann.room.send("while there is no node");
  port = (await Gateway.start(t)).port; // with a memory of its own: another epoch
  assert.equal((await sent).seq, 1);
  await eventually("ann sees it", () => ann.bodies.includes("while there is no node"));
  assert.ok(ann.log.some((l) => l.startsWith("epoch")));
  assert.deepEqual(ann.bodies, ["on the first node", "while there is no node"]);
});

test("a node that is killed: back off, then back", async (t) => {
  const first = await Gateway.start(t);
  let port = first.port;
  const cutter = await Cutter.before(() => port);
  t.after(() => cutter.close());
  const ann = await new Guest(t, cutter.port).open();
  await first.stop("SIGKILL");
  await eventually("ann waits", () => ann.log.includes("waiting lost"));
  port = (await Gateway.start(t)).port;
  await ann.open();
});

test("the store away: chat goes on within the node, and nothing comes twice when it is back", async (t) => {
  const redis = await startRedis();
  t.after(() => redis.program.end("SIGKILL"));
  const settings = { BARRAGE_REDIS_ADDRS: `127.0.0.1:${redis.port}`, BARRAGE_REDIS_TIMEOUT: "300ms" };
  const here = await new Guest(t, (await Gateway.start(t, settings)).port).open();
  const there = await new Guest(t, (await Gateway.start(t, settings)).port, { userId: "bob" }).open();
  await here.room.send("before");
  await eventually("bob has it", () => there.bodies.includes("before"));
  redis.program.kill("SIGSTOP");
  const sends = [here.room.send("of ann, meanwhile"), there.room.send("of bob, meanwhile")];
  await eventually("ann sees her own", () => here.bodies.includes("of ann, meanwhile"));
  redis.program.kill("SIGCONT");
  const [a, b] = await Promise.all(sends);
  await here.room.send("after");
  for (const guest of [here, there]) await eventually("all have all", () => guest.bodies.includes("after") && guest.bodies.length >= 4);
  assert.deepEqual([...here.bodies].sort(), ["after", "before", "of ann, meanwhile", "of bob, meanwhile"], here.log.join(", "));
  assert.deepEqual([...there.bodies].sort(), ["after", "before", "of ann, meanwhile", "of bob, meanwhile"], there.log.join(", "));
  assert.ok(here.log.some((l) => l.startsWith("epoch l-")), here.log.join(", "));
  assert.deepEqual([...here.log, ...there.log].filter((l) => l.startsWith("gap")), [], [...here.log, ...there.log].join(", "));
  for (const { seq } of [a!, b!]) assert.ok([0, 2, 3].includes(seq), `${seq} is the number of neither`);
});

test("a token that is not valid is said, and another one asked for once; with a login it goes on", async (t) => {
  const { port } = await Gateway.start(t, { BARRAGE_AUTH_MODE: "redis" });
  let token = "forged";
  const ann = new Guest(t, port, { token: () => token });
  await eventually("ann is refused", () => ann.room.state.name === "closed");
  assert.deepEqual(ann.log, ["connecting connect", "waiting unauthenticated", "connecting retry", "closed unauthenticated", "error unauthenticated"]);
  const login = await fetch(`http://127.0.0.1:${port}/v1/login`, { method: "POST", body: JSON.stringify({ user_id: "ann", password: "p" }), headers: { "Content-Type": "application/json" } });
  token = ((await login.json()) as { token: string }).token;
  ann.room.connect();
  await ann.open();
  await ann.room.send("logged in");
});

test("no member of the room: forbidden", async (t) => {
  const { port } = await Gateway.start(t, { BARRAGE_ROOM_AUTO_JOIN: "false" });
  const ann = new Guest(t, port);
  await eventually("ann is refused", () => ann.room.state.name === "closed");
  assert.equal(ann.room.state.reason, "forbidden");
});

test("a full node says so and when to come again; then one comes in", async (t) => {
  const { port } = await Gateway.start(t, { BARRAGE_SERVER_MAX_CONNECTIONS: "1" });
  const ann = await new Guest(t, port).open();
  const bob = new Guest(t, port, { userId: "bob" });
  await eventually("bob waits", () => bob.room.state.name === "waiting");
  assert.deepEqual(bob.log, ["connecting connect", "waiting full"]);
  assert.ok(bob.room.state.retryInMs! >= 1000, `it waits ${bob.room.state.retryInMs} ms: its own bound is 20, the node said a second or more`);
  ann.room.close();
  await bob.open();
  assert.deepEqual(bob.log.filter((l) => l.startsWith("waiting ") && l !== "waiting full"), []);
});

/** page makes options as if of a page of this origin. */
function page(Origin: string): Partial<RoomOptions> {
  return {
    WebSocket: class extends WebSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols, { origin: Origin });
      }
    } as WebSocketClass,
    fetch: (url, init) => fetch(url, { ...init, headers: { ...(init?.headers as Record<string, string>), Origin } }),
  };
}

test("a page that the node does not let in is told, and does not try again", async (t) => {
  const { port } = await Gateway.start(t, { BARRAGE_CORS_ALLOWED_ORIGINS: "https://a.example" });
  await new Guest(t, port, page("https://a.example")).open();
  const eve = new Guest(t, port, page("https://b.example"));
  await eventually("eve is refused", () => eve.room.state.name === "closed");
  assert.deepEqual(eve.log, ["connecting connect", "closed origin_not_allowed", "error origin_not_allowed"]);
});

test("a body too large is refused here, and the connection stands", async (t) => {
  const { port } = await Gateway.start(t);
  const ann = await new Guest(t, port).open();
  await assert.rejects(ann.room.send("x".repeat(100_000)), { code: "invalid" });
  await ann.room.send("x".repeat(1000));
  await assert.rejects(ann.room.send("a", { ext: "x".repeat(5000) }), { code: "bad_request" });
  assert.equal(ann.room.state.name, "open");
});

test("within the limit of bodies but too long as JSON: refused here, and what waits is taken", async (t) => {
  const { port } = await Gateway.start(t, { BARRAGE_SERVER_MAX_MESSAGE_BYTES: "8KiB" });
  const ann = await new Guest(t, port).open();
  const waits = ann.room.send("said before");
  for (const [body, ext] of [['"'.repeat(4096)], ["\u0001".repeat(1500)], ["x".repeat(4096), "y".repeat(4094)]] as const) {
    await assert.rejects(ann.room.send(body, { ext }), { code: "invalid", message: /as JSON the message has \d+ bytes, the room takes 8192$/ });
  }
  await waits;
  const most = '"'.repeat(4077);
  assert.equal(JSON.stringify({ t: "send", body: most, id: "12345678" }).length, 8192, "as many as the node takes");
  await ann.room.send(most, { id: "12345678" });
  await eventually("it came", () => ann.bodies[1] === most);
  assert.deepEqual(ann.log, ["connecting connect", "open welcome"]);
});

test("a recall whose answer was cut off is done when it is said again", async (t) => {
  const { port } = await Gateway.start(t);
  let deaf = false; // ann receives nothing
  class Deaf extends WebSocket {
    override emit(event: string | symbol, ...args: unknown[]): boolean {
      return deaf && event === "message" ? false : super.emit(event, ...args);
    }
  }
  const cutter = await Cutter.before(() => port);
  t.after(() => cutter.close());
  const ann = await new Guest(t, cutter.port, { WebSocket: Deaf as WebSocketClass }).open();
  const bob = await new Guest(t, port, { userId: "bob" }).open();
  const { seq } = await ann.room.send("oops");
  await eventually("both have it", () => ann.bodies.length + bob.bodies.length === 2);
  deaf = true;
  const done = ann.room.recall(seq);
  await eventually("the node has done it", () => bob.log.includes(`recalled ${seq} by ann`));
  ann.room.on("state", () => (deaf = false)); // that connection has ended
  cutter.cutAll();
  await done;
  assert.equal(ann.log.filter((l) => l.startsWith(`recalled ${seq} by`)).length, 1, ann.log.join(", "));
});

test("what was taken back while away is said at the return", async (t) => {
  const { port } = await Gateway.start(t);
  const cutter = await Cutter.before(() => port);
  t.after(() => cutter.close());
  const ann = await new Guest(t, port).open();
  const bob = await new Guest(t, cutter.port, { userId: "bob" }).open();
  const { seq } = await ann.room.send("oops");
  await eventually("bob has it", () => bob.bodies.length === 1);
  cutter.refusing = true;
  cutter.cutAll();
  await eventually("bob is away", () => bob.room.state.name !== "open");
  await ann.room.recall(seq);
  cutter.refusing = false;
  await bob.open();
  await eventually("bob hears of it", () => bob.log.includes(`recalled ${seq} by ann`));
});

test("the README's example runs as it stands", async (t) => {
  const { port } = await Gateway.start(t);
  const code = /<!-- example -->\n```js\n(.*?)```/s.exec(readFileSync("README.md", "utf8"))![1]!;
  assert.ok(code.trim().split("\n").length <= 12 && code.includes("127.0.0.1:9000"));
  const ws = Number(process.versions.node.split(".")[0]) < 22 ? 'import { WebSocket } from "ws"; globalThis.WebSocket = WebSocket;\n' : "";
  // Within this package its own name leads to dist.
  const example = await Program.start(process.execPath, ["--input-type=module", "--eval", ws + code.replace("127.0.0.1:9000", `127.0.0.1:${port}`)], /^/);
  t.after(() => example.end("SIGKILL"));
  await eventually(`the example has said all`, () => example.log.includes("message 1 is in the history") && example.log.includes("1 ann: hello"));
  assert.match(example.log, /^connecting connect\nopen welcome\n/);
});
