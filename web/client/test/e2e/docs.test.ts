// Backends in Node, as documents have them: their code is run as it stands there, and a node takes it.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import WebSocket from "ws";
import { Room, type Held, type Message, type WebSocketClass } from "../../src/index.js";
import { freePort, Program } from "../program.js";
import { eventually, Gateway } from "./gateway.js";

const secret = "a secret that only these tests know";

test("the example in Node of docs/auth.md makes tokens that a node takes, and what they say is heard", async (t) => {
  const code = /```js\n(.*?)```/s.exec(readFileSync("../../docs/auth.md", "utf8"))?.[1];
  assert.ok(code, "docs/auth.md has no example in JavaScript");
  const module = (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as {
    barrageToken(secret: string, userId: string, name: string): string;
  };
  const gateway = await Gateway.start(t, { BARRAGE_AUTH_MODE: "jwt", BARRAGE_AUTH_JWT_SECRET: secret });
  const heard: Message[] = [];
  const room = new Room({
    url: `ws://127.0.0.1:${gateway.port}`, room: "live-7", WebSocket: WebSocket as unknown as WebSocketClass,
    getToken: () => module.barrageToken(secret, "alice", "Alice"),
  });
  t.after(() => room.close());
  room.on("message", (message) => heard.push(message));
  room.connect();
  await room.send("hi");
  await eventually("the message is heard", () => heard.length === 1);
  assert.equal(heard[0]!.userId, "alice");
  assert.deepEqual(heard[0]!.user, { name: "Alice" });
});

/** moderatorToken is a token of a moderator. */
function moderatorToken(): string {
  const part = (o: object) => Buffer.from(JSON.stringify(o)).toString("base64url");
  const claims = `${part({ alg: "HS256", typ: "JWT" })}.${part({ sub: "carol", role: "moderator", exp: Math.floor(Date.now() / 1000) + 600 })}`;
  return `${claims}.${createHmac("sha256", secret).update(claims).digest("base64url")}`;
}

test("the service in Node of docs/moderation.md reviews messages: it lets through, denies, holds and masks", async (t) => {
  const code = /```js\n(.*?)```/s.exec(readFileSync("../../docs/moderation.md", "utf8"))?.[1] ?? "";
  assert.ok(code.includes('8070, "127.0.0.1")'), "docs/moderation.md has no service in JavaScript");
  const port = await freePort();
  const service = await Program.start(process.execPath, ["--input-type=module", "-e", code.replace('8070, "127.0.0.1")', `${port}, "127.0.0.1", () => console.log("ready"))`)], /ready/);
  t.after(() => service.end("SIGKILL"));
  const gateway = await Gateway.start(t, {
    BARRAGE_AUTH_MODE: "jwt", BARRAGE_AUTH_JWT_SECRET: secret, BARRAGE_HOOK_REVIEW_URL: `http://127.0.0.1:${port}/`,
    BARRAGE_HOOK_SECRET: /secret = "([^"]+)"/.exec(code)![1]!, BARRAGE_HOOK_REVIEW_TIMEOUT: "2s", BARRAGE_HOOK_REVIEW_FALLBACK: "deny",
  });
  const enter = (token: string) => {
    const room = new Room({ url: `ws://127.0.0.1:${gateway.port}`, room: "live-8", WebSocket: WebSocket as unknown as WebSocketClass, getToken: () => token });
    t.after(() => room.close());
    room.connect();
    return room;
  };
  const auth = /```js\n(.*?)```/s.exec(readFileSync("../../docs/auth.md", "utf8"))![1]!;
  const { barrageToken } = (await import(`data:text/javascript,${encodeURIComponent(auth)}`)) as { barrageToken(secret: string, userId: string, name: string): string };
  const carol = enter(moderatorToken()), alice = enter(barrageToken(secret, "alice", "Alice"));
  const bodies: string[] = [], held: Held[] = [];
  alice.on("message", ({ body }) => bodies.push(body));
  carol.on("held", (h) => held.push(h));
  await carol.moderate({ verb: "modes", modes: { review: "all" } });
  await alice.send("hello");
  await alice.send("darn it");
  await assert.rejects(alice.send("buy followers"), { code: "blocked" });
  await assert.rejects(alice.send("see https://example.com"), { code: "held" });
  await eventually("carol is told", () => held.length === 1);
  assert.equal(held[0]!.why, "review");
  await carol.moderate({ verb: "approve", held: held[0]!.held });
  await eventually("all is heard", () => bodies.length === 3);
  assert.deepEqual(bodies, ["hello", "**** it", "see https://example.com"]);
  assert.deepEqual(await carol.held(), []);
});
