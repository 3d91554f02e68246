// Real sockets: the connection is cut after each byte that the server sends. Cuts are in the middle of the handshake,
// of a frame's header, of a message.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { Room, type WebSocketClass } from "../../src/index.js";
import { Cutter } from "../cutter.js";

const messages = [1, 2, 3].map((seq) => ({ seq, id: `~${seq}` })); // short: each byte of theirs costs a connection

/** serve is a server that has message 1 at the welcome, sends 2 and 3 after it, and resumes. */
async function serve(): Promise<{ port: number; close(): void }> {
  const http = createServer((_, res) => res.end("{}"));
  const sockets = new WebSocketServer({ server: http, perMessageDeflate: false });
  sockets.on("connection", (socket, request) => {
    const since = Number(new URL(request.url!, "http://x").searchParams.get("since") ?? 0);
    const say = (frame: object) => socket.send(JSON.stringify(frame));
    const first = since === 0 ? 1 : 3;
    say({ t: "welcome", epoch: "e", seq: first, messages: messages.slice(since, first) });
    if (first === 1) for (const m of messages.slice(1)) say({ t: "batch", epoch: "e", seq: m.seq, messages: [m] });
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  return {
    port: (http.address() as AddressInfo).port,
    close: () => {
      for (const client of sockets.clients) client.terminate();
      http.closeAllConnections();
      http.close();
    },
  };
}

/** lanes cut at the same time, for their waits to pass together. */
const lanes = 8;

/** life connects through the cutter, is cut after so many bytes, and returns what it saw. */
function life(cutter: Cutter, bytes: number): Promise<{ seqs: number[]; attempts: number }> {
  return new Promise((resolve) => {
    const seen = { seqs: [] as number[], attempts: 0 };
    const room = new Room({ url: `ws://127.0.0.1:${cutter.port}`, room: "42", userId: "u", token: "t", WebSocket: WebSocket as WebSocketClass, backoffBaseMs: 1, backoffCapMs: 1 });
    room.on("state", (state) => state.name === "connecting" && seen.attempts++);
    room.on("gap", (gap) => assert.fail(`gap ${gap.from}-${gap.to}`));
    room.on("message", (m) => {
      seen.seqs.push(m.seq);
      if (m.seq !== 3) return;
      room.close();
      resolve(seen);
    });
    cutter.cutAfter = bytes;
    room.connect();
  });
}

test("cut at every byte: each message once, in order", async () => {
  const server = await serve();
  let cuts = 0;
  const lane = async (first: number) => {
    const cutter = await Cutter.before(() => server.port);
    for (let bytes = first; ; bytes += lanes) {
      const { seqs, attempts } = await life(cutter, bytes);
      assert.deepEqual(seqs, [1, 2, 3], `cut after ${bytes} bytes`);
      if (attempts === 1) break; // all came before the cut
      cuts++;
    }
    cutter.close();
  };
  await Promise.all(Array.from({ length: lanes }, (_, i) => lane(i + 1)));
  server.close();
  assert.ok(cuts > 300, `${cuts} cuts`);
});
