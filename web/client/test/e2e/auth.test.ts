// Guests, tokens that end, and tokens that were replaced, against the real gateway.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test, type TestContext } from "node:test";
import { WebSocket } from "ws";
import { Room, type RoomOptions, type WebSocketClass, type Welcome } from "../../src/index.js";
import { eventually, Gateway } from "./gateway.js";

const secret = "a secret of the tests, of 32 bytes and more";
const signed = { BARRAGE_AUTH_MODE: "jwt", BARRAGE_AUTH_JWT_SECRET: secret };

/** sign makes a token that lives for so many seconds. */
function sign(claims: object, seconds: number): string {
  const part = (json: object) => Buffer.from(JSON.stringify(json)).toString("base64url"), now = Math.floor(Date.now() / 1000);
  const head = `${part({ alg: "HS256", typ: "JWT" })}.${part({ iat: now + Math.min(seconds, 0), exp: now + seconds, ...claims })}`;
  return `${head}.${createHmac("sha256", secret).update(head).digest("base64url")}`;
}

/** login logs in by name. */
async function login(port: number, user: string): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${port}/v1/login`, { method: "POST", body: JSON.stringify({ user_id: user, password: "p" }), headers: { "Content-Type": "application/json" } });
  return ((await answer.json()) as { token: string }).token;
}

/** Visitor is a Room and the events that it has received. */
class Visitor {
  readonly room: Room;
  readonly log: string[] = [];
  welcome: Welcome | undefined;

  constructor(t: TestContext, port: number, options: Partial<RoomOptions> = {}) {
    this.room = new Room({ url: `ws://127.0.0.1:${port}`, room: "42", WebSocket: WebSocket as WebSocketClass, backoffBaseMs: 20, backoffCapMs: 200, ...options });
    t.after(() => this.room.close());
    this.room.on("welcome", (w) => (this.welcome = w));
    this.room.on("auth", (a) => this.log.push(`auth ${a.can.join("+")}`));
    this.room.on("message", (m) => this.log.push(`${m.userId} ${m.body} ${JSON.stringify(m.user ?? null)}`));
    this.room.on("error", (e) => this.log.push(`error ${e.code}`));
    this.room.connect();
  }

  async is(name: string, reason?: string): Promise<this> {
    await eventually(`the room is ${name}`, () => this.room.state.name === name);
    if (reason) assert.equal(this.room.state.reason, reason);
    return this;
  }
}

test("a guest reads, sockets and history, and may not write", async (t) => {
  const { port } = await Gateway.start(t, signed);
  const ann = await new Visitor(t, port, { getToken: () => sign({ sub: "ann" }, 600) }).is("open");
  const guest = await new Visitor(t, port).is("open");
  assert.deepEqual([guest.welcome!.guest, guest.room.can, guest.welcome!.authExpiresMs], [true, ["read"], 0]);
  assert.match(guest.room.userId, /^g-/);
  assert.deepEqual([ann.welcome!.guest, ann.room.userId, ann.room.can], [false, "ann", ["read", "send", "like", "recall"]]);
  await ann.room.send("hello");
  await eventually("the guest has it", () => guest.log.includes("ann hello null"));
  assert.deepEqual((await guest.room.messages()).map((m) => m.body), ["hello"]);
  await assert.rejects(guest.room.send("hi"), { name: "SendError", code: "forbidden" });
  await assert.rejects(guest.room.recall(1), { name: "SendError", code: "forbidden" });
  guest.room.like();
  await eventually("the like was refused", () => guest.log.includes("error forbidden"));
  assert.equal(guest.room.state.name, "open");
});

test("where guests are off, a guest hears so", async (t) => {
  const { port } = await Gateway.start(t, { ...signed, BARRAGE_AUTH_GUESTS: "off" });
  const guest = await new Visitor(t, port).is("closed", "unauthenticated");
  assert.deepEqual(guest.log, ["error unauthenticated"]);
});

test("a token says who one is, what one may do, and what all may know", async (t) => {
  const { port } = await Gateway.start(t, signed);
  const ann = await new Visitor(t, port, { token: sign({ sub: "ann", info: { name: "Ann 安" }, rooms: [{ id: "4*", can: ["send"], role: "vip" }] }, 600) }).is("open");
  assert.deepEqual([ann.room.userId, ann.room.can, ann.welcome!.role], ["ann", ["read", "send"], "vip"]);
  assert.ok(ann.welcome!.authExpiresMs > 590_000 && ann.welcome!.authExpiresMs <= 600_000, String(ann.welcome!.authExpiresMs));
  await ann.room.send("hi");
  await eventually("the message says who she is", () => ann.log.includes('ann hi {"name":"Ann 安"}'));
  await new Visitor(t, port, { userId: "bob", token: sign({ sub: "ann" }, 600) }).is("closed", "forbidden");
  await new Visitor(t, port, { room: "7", token: sign({ sub: "ann", rooms: [{ id: "4*", can: ["read"] }] }, 600) }).is("closed", "forbidden");
});

test("a token is renewed before its life ends, on the socket that stands", async (t) => {
  const { port } = await Gateway.start(t, signed);
  let asked = 0;
  const ann = await new Visitor(t, port, { getToken: () => sign({ sub: "ann", rooms: [{ id: "*", can: asked++ === 0 ? ["send"] : ["send", "like"] }] }, asked === 1 ? 2 : 600) }).is("open");
  const states: string[] = [];
  ann.room.on("state", (s) => states.push(s.name));
  await eventually("the token is renewed", () => ann.log.includes("auth read+send+like"));
  assert.deepEqual([asked, states, ann.room.can], [2, [], ["read", "send", "like"]]);
  await ann.room.send("still here");
});

test("a token whose life is over: final where it stays, and asked for again where somebody gives tokens", async (t) => {
  const { port } = await Gateway.start(t, signed);
  const over = sign({ sub: "ann" }, -3600);
  const stays = await new Visitor(t, port, { token: over }).is("closed", "token_expired");
  assert.deepEqual(stays.log, ["error token_expired"]);
  let asked = 0;
  const ann = await new Visitor(t, port, { getToken: () => (asked++ === 0 ? over : sign({ sub: "ann" }, 600)) }).is("open");
  assert.deepEqual([asked, ann.log], [2, []]);
  const none = await new Visitor(t, port, { getToken: () => "forged" }).is("closed", "unauthenticated");
  assert.deepEqual(none.log, ["error unauthenticated"]);
});

test("a login elsewhere stops the one before for good: it asks for no other token", async (t) => {
  const { port } = await Gateway.start(t, { BARRAGE_AUTH_MODE: "redis" });
  let asked = 0;
  const getToken = () => (asked++, login(port, "ann"));
  const first = await new Visitor(t, port, { userId: "ann", getToken }).is("open");
  const token = await login(port, "ann");
  await first.is("closed", "token_replaced");
  assert.deepEqual([asked, first.room.state.closeCode, first.log], [1, 4410, ["error token_replaced"]]);
  const second = await new Visitor(t, port, { userId: "ann", token }).is("open");
  first.room.connect(); // a person has asked for it
  await first.is("open");
  await second.is("closed", "token_replaced");
});

test("a token beyond Latin-1 passes where any does, by HTTP too; where it does not it is refused, and not tried again", async (t) => {
  const token = "令牌 \u{1F600}", { port } = await Gateway.start(t);
  const ann = await new Visitor(t, port, { userId: "ann", token }).is("open");
  await ann.room.send("hi");
  assert.deepEqual((await ann.room.messages()).map((m) => m.body), ["hi"]);
  const strict = await Gateway.start(t, { BARRAGE_AUTH_MODE: "redis" });
  const refused = await new Visitor(t, strict.port, { userId: "ann", token }).is("closed", "unauthenticated");
  await assert.rejects(refused.room.messages(), { name: "HttpError", status: 401, code: "unauthenticated" });
});
