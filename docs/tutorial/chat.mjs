// A client of barrage.v1: node chat.mjs ws://127.0.0.1:9000 ROOM USER TOKEN (Node 22). Each line that you type is sent.
import { createInterface } from "node:readline";

const [url, room, user, token] = process.argv.slice(2);
const bearer = "bearer." + Buffer.from(token).toString("base64url");
const forGood = [1002, 1003, 1007, 1009, 4400, 4401, 4403, 4410, 4429]; // who is closed with one of these stays away
let ws, place = {}; // where we have got: epoch, since, ts
const unsent = new Map(); // frames that have no ack yet, by id

function connect() {
  const query = new URLSearchParams({ user_id: user, ...place });
  ws = new WebSocket(`${url}/v1/rooms/${encodeURIComponent(room)}/ws?${query}`, ["barrage.v1", bearer]);
  ws.onmessage = event => on(JSON.parse(event.data));
  ws.onclose = ({ code }) => {
    if (forGood.includes(code)) {
      console.log("* closed for good:", code);
      process.exit();
    }
    setTimeout(connect, 500 + 2500 * Math.random()); // not all at once
  };
}

function on(frame) {
  switch (frame.t) {
    case "welcome":
      if (!frame.recovered && place.epoch) console.log("* some messages were missed");
      if (!frame.recovered) place = { epoch: frame.epoch, since: frame.seq, ts: 0 };
      show(frame);
      for (const send of unsent.values()) ws.send(send); // nobody knows whether they arrived
      break;
    case "epoch":
      place = { epoch: frame.epoch, since: frame.seq, ts: frame.ts };
      break;
    case "batch":
      show(frame);
      break;
    case "gap":
      console.log(`* missed ${frame.from} to ${frame.to}`);
      break;
    case "ack":
      unsent.delete(frame.id);
      break;
    case "refused":
      if (frame.retry_after_ms > 0 && unsent.has(frame.id)) setTimeout(again, frame.retry_after_ms, frame.id);
      else if (unsent.delete(frame.id)) console.log("* not sent:", frame.message);
  }
}

function show({ epoch, messages }) {
  for (const m of messages) {
    place = { epoch, since: m.seq, ts: m.ts ?? 0 };
    if (!m.recalled) console.log(`${m.seq} ${m.user_id}: ${m.body}`);
  }
}

function again(id) {
  if (unsent.has(id) && ws.readyState === WebSocket.OPEN) ws.send(unsent.get(id));
}

createInterface({ input: process.stdin }).on("line", body => {
  const id = crypto.randomUUID();
  unsent.set(id, JSON.stringify({ t: "send", id, body }));
  again(id);
});
connect();
