// Tokens: how they travel, what none is, and what comes of one that a server refuses.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Room, type RoomOptions } from "../../src/index.js";
import { World } from "../world.js";

/** odd are tokens that a header or a URL would change, were they put there as they are. */
const odd = ["令牌 \u{1F600}", "é", " a b ", "a+b/c=d&e?f#g", "a,b;c\"d", "x".repeat(4096), "弹".repeat(1365)];

for (const token of ["t", ...odd]) {
  test(`a token of any text comes through, by socket and by HTTP: ${token.slice(0, 20)}`, async () => {
    const world = new World();
    const { room, line } = await world.joined({ token });
    assert.equal(line.token, token);
    assert.match(line.protocols.join(), /^barrage\.v1,bearer\.[A-Za-z0-9_-]+$/, "a browser takes no other protocols");
    assert.equal(line.url.searchParams.has("token"), false, "logs have URLs");
    const asked = room.messages();
    await world.pass(10);
    await asked;
    const query = new URL(world.server.requests[0]!, "http://x").searchParams.get("token"), header = world.server.authorizations[0] ?? null;
    assert.deepEqual([query, header], /^[!-~]+$/.test(token) || token.startsWith("a,") ? [null, `Bearer ${token}`] : [token, null]);
    line.end(1006);
    await world.pass(1100);
    assert.equal(room.state.name, "open");
  });
}

test("a token beyond Latin-1 that the server refuses is said: the question why gets through, too", async () => {
  const world = new World();
  world.server.refusals = [{ status: 403, body: { error: { code: "forbidden", message: "no" } } }];
  const { room, seen } = await world.joined({ token: "令牌" });
  assert.deepEqual([room.state.name, room.state.reason], ["closed", "forbidden"]);
  assert.equal(seen.take(), "error forbidden");
});

const none: unknown[] = ["", "x".repeat(4097), "弹".repeat(1366), "a\nb", "a\u0000", "\u007f", "\u0085", "\ud800", "a\udc00b", null, 7, {}, ["t"]];

test("what is no token is refused at once, where it is given", () => {
  const good = { room: "42", userId: "u", url: "ws://h", WebSocket: new World().server.WebSocket };
  for (const token of none) {
    assert.throws(() => new Room({ ...good, token } as RoomOptions), { code: "bad_token", message: /^the token (has|is) / }, JSON.stringify(token));
  }
});

test("what is no token closes the room at once, where a function gives it; no request goes out", async () => {
  for (const token of [...none, undefined]) {
    const world = new World();
    const { room, seen } = await world.joined({ token: (() => token) as () => string });
    await world.pass(100_000);
    assert.deepEqual([room.state.name, room.state.reason, room.state.closeCode], ["closed", "bad_token", 0], JSON.stringify(token));
    assert.equal(seen.take(), "error bad_token");
    await assert.rejects(room.messages(), { name: "HttpError", status: 0, code: "bad_token" });
    assert.deepEqual([world.server.lines.length, world.server.requests.length, world.timers], [0, 0, 0]);
  }
});

test("no error says the token", async () => {
  const world = new World();
  const { seen } = await world.joined({ token: () => "secret\n" });
  const [error] = seen.all.at(-1)!.args;
  assert.doesNotMatch((error as Error).message, /secret/);
});

test("a listener that closes the room at an error of the token function has it closed", async () => {
  const world = new World();
  const { room } = world.room({ token: () => Promise.reject(new Error("logged out")) });
  room.on("error", () => room.close());
  room.connect();
  await world.pass(10);
  assert.deepEqual([room.state.name, room.state.reason, world.timers], ["closed", "close", 0]);
});
