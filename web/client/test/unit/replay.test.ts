// A room's comments in time with a video of it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { readExport, Replay, type VideoLike } from "../../src/replay.js";

const t0 = 1_700_000_000_000;
const line = (seq: number, seconds: number) => JSON.stringify({ seq, kind: "chat", user_id: "u", body: `m${seq}`, ts: t0 + seconds * 1000, id: `~${seq}` });

/** played is a replay of messages at 1, 2, … 60 s, and its output. */
function played(options: { t0?: number; keep?: number } = {}): { video: { currentTime: number }; replay: Replay; take: () => string } {
  const text = Array.from({ length: 60 }, (_, i) => line(i + 1, i + 1)).join("\n"), video = { currentTime: 0 }, said: string[] = [];
  const replay = new Replay(video, readExport(text), { t0, keep: 2, ...options });
  replay.on("message", ({ seq }, { history }) => said.push(`${history ? "h" : ""}${seq}`));
  replay.on("cleared", () => said.push("cleared"));
  return { video, replay, take: () => said.splice(0).join(" ") };
}

test("each message is said when the video comes to it, once", () => {
  const { video, replay, take } = played();
  for (const [seconds, want] of [[0, ""], [0.999, ""], [1, "1"], [1.5, ""], [3.2, "2 3"], [3.2, ""]] as const) {
    video.currentTime = seconds;
    replay.look();
    assert.equal(take(), want, `${seconds} s`);
  }
});

test("where the video jumps, to and fro, what was said is cleared, and the newest from before are there", () => {
  const { video, replay, take } = played();
  for (const [seconds, want] of [[30, "cleared h29 h30"], [31, "31"], [10.5, "cleared h9 h10"], [11, "11"], [0, "cleared"], [100, "cleared h59 h60"]] as const) {
    video.currentTime = seconds;
    replay.look();
    assert.equal(take(), want, `${seconds} s`);
  }
});

test("without t0 the video begins with the first message", () => {
  const video = { currentTime: 0 }, said: number[] = [];
  const replay = new Replay(video, readExport([line(2, 7), line(1, 5)].join("\n")));
  replay.on("message", ({ seq }) => said.push(seq));
  replay.look();
  video.currentTime = 1.9;
  replay.look();
  assert.deepEqual(said, [1]);
  video.currentTime = 2;
  replay.look();
  assert.deepEqual(said, [1, 2]);
});

test("an export is read line by line: what was taken back, cut off or is no message is left out", () => {
  assert.deepEqual(readExport(`${line(1, 1)}\n\n{"seq":2,"recalled":true}\n7\n${line(3, 3)}\n{"seq":4,"bo`).map(({ seq }) => seq), [1, 3]);
  for (const make of [() => new Replay({} as VideoLike, []), () => new Replay({ currentTime: 0 }, "x" as never), () => new Replay({ currentTime: 0 }, [], { t0: NaN }), () => new Replay({ currentTime: 0 }, [], { keep: -1 })]) {
    assert.throws(make, { code: "invalid", message: /^cannot replay: / });
  }
});
