// What docs/auth.md has a backend in Node do: its code is run as it stands there, and a node takes the tokens.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import WebSocket from "ws";
import { Room, type Message, type WebSocketClass } from "../../src/index.js";
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
