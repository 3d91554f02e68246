// The meaning of rules and verdicts for a user who writes, and the permissions of a moderator.

import assert from "node:assert/strict";
import { test } from "node:test";
import { forGood } from "../../client/src/index.js";
import { actsOn } from "../src/acts.js";
import { badgeOf } from "../src/names.js";
import { holds, isMuted, isPause, lineOf, orderGateOf, type Verdict } from "../src/order.js";
import { speak } from "../src/texts.js";

speak("en");
const now = Date.UTC(2026, 0, 5, 12), hour = 3_600_000;

/** gate is that of a room that lets everything through, but for what is given. */
function gate(given: Partial<Omit<Verdict, "you">> & { you?: Partial<Verdict["you"]> } = {}) {
  const { you, ...rest } = given;
  return orderGateOf({ state: { name: "open", reason: "welcome" }, modes: { frozen: false, who: "all" }, restricted: false, now, ...rest, you: { mutedUntil: 0, reason: "", can: ["read", "send"], ...you } });
}

const closed = (reason: string, until?: number) => ({ state: { name: "closed", reason, ...(until === undefined ? {} : { until }) } as const });

test("a room that lets everything through keeps nobody from writing", () => {
  assert.equal(gate(), undefined);
  assert.equal(gate({ you: { mutedUntil: now } }), undefined, "a mute that is over is none");
});

test("a mute is said with its reason: seconds that go down, a time of day, a date, or for good", () => {
  assert.deepEqual(gate({ you: { mutedUntil: now + 90_001, reason: "spam" } }), { why: "gateMuted", wait: "sayAgain", n: 91, reason: "spam" });
  const soon = gate({ you: { mutedUntil: now + hour } })!, late = gate({ you: { mutedUntil: now + 24 * hour } })!;
  assert.equal(soon.why, "gateMutedUntil");
  assert.match(soon.blanks!["when"]!, /^\d\d:\d\d$/);
  assert.match(late.blanks!["when"]!, /2026/);
  assert.equal(gate({ you: { mutedUntil: forGood } })!.why, "gateMutedForGood");
});

test("a mute comes before all exemptions, and its user may not like either", () => {
  assert.equal(gate({ you: { mutedUntil: forGood, can: ["moderate"] } })!.why, "gateMutedForGood");
  assert.deepEqual([isMuted({ mutedUntil: now + 1 }, now), isMuted({ mutedUntil: 0 }, now)], [true, false]);
});

test("a frozen room and one of moderators keep all from writing but moderators", () => {
  const frozen = { modes: { frozen: true, who: "all" } }, mods = { modes: { frozen: false, who: "mods" } };
  assert.equal(gate(frozen)!.why, "gateFrozen");
  assert.equal(gate(mods)!.why, "gateMods");
  for (const modes of [frozen, mods]) assert.equal(gate({ ...modes, you: { can: ["moderate"] } }), undefined);
});

test("a room of tagged users lets one try, since nobody says who they are, and is closed once it refuses", () => {
  const modes = { frozen: false, who: "tagged" };
  assert.equal(gate({ modes }), undefined);
  assert.equal(gate({ modes, restricted: true })!.why, "gateTagged");
  assert.deepEqual(gate({ modes: { frozen: false, who: "all", minLevel: 5 }, restricted: true }), { why: "gateLevel", blanks: { n: "5" } });
});

test("a ban says until when, and offers to come back when it is over", () => {
  assert.deepEqual(gate(closed("banned")), { why: "gateBanned" });
  assert.deepEqual(gate(closed("banned", forGood)), { why: "gateBannedForGood" });
  assert.equal(gate(closed("banned", now + hour))!.why, "gateBannedUntil");
  const spam = { state: { ...closed("banned", forGood).state!, because: "spam" } };
  assert.deepEqual(gate(spam), { why: "gateBannedForGood", reason: "spam" });
  assert.deepEqual(gate(closed("banned", now - 1)), { why: "gateBanned", offer: "again", how: "back" });
});

test("a kick counts down, and offers to come back then, or at once where nobody says when", () => {
  assert.deepEqual(gate(closed("kicked", now + 59_500)), { why: "gateKicked", wait: "comeBack", n: 60 });
  for (const until of [undefined, now]) assert.deepEqual(gate(closed("kicked", until)), { why: "gateKicked", offer: "again", how: "back" });
});

test("another end of the room is no verdict, whatever held before", () => {
  for (const reason of ["forbidden", "close", "constructor"]) assert.equal(gate({ ...closed(reason), modes: { frozen: true, who: "mods" } }), undefined, reason);
});

test("refusals that pass are counted down; without one slow mode is said", () => {
  for (const [code, text] of [["slow_mode", "pauseSlow"], ["too_early", "pauseEarly"], ["duplicate", "pauseSame"], ["shed", "pauseShed"]] as const) {
    assert.ok(isPause(code));
    assert.deepEqual(lineOf({ code, until: now + 4200, body: "hi" }, 0, now), { text, n: 5 });
  }
  for (const code of ["muted", "frozen", "rate_limited", "constructor"]) assert.ok(!isPause(code), code);
  const over = { code: "shed", until: now, body: "hi" };
  assert.equal(lineOf(over, 0, now), undefined);
  assert.deepEqual(lineOf(over, 5000, now), { text: "slowMode", n: 5 });
});

test("a pause holds every text back, a duplicate only the same one", () => {
  const slow = { code: "slow_mode", until: now + 1, body: "hi" }, same = { code: "duplicate", until: now + 1, body: "hi" };
  assert.deepEqual([holds(slow, "ho", now), holds(same, "hi", now), holds(same, "ho", now), holds(slow, "ho", now + 1), holds(undefined, "hi", now)], [true, true, false, false, false]);
});

test("a moderator acts on a message and on its sender, with the number and the epoch that the message has", () => {
  const acts = actsOn({ seq: 7, userId: "bob", ts: 5 }, "e", "mia");
  assert.deepEqual(acts.map(({ op }) => op), [
    { verb: "delete", seq: 7, epoch: "e", userId: "bob", ts: 5 }, { verb: "pin", seq: 7, epoch: "e" },
    { verb: "mute", userId: "bob", forMs: 600_000 }, { verb: "mute", userId: "bob" }, { verb: "kick", userId: "bob" }, { verb: "ban", userId: "bob" }, { verb: "purge", userId: "bob" },
  ]);
});

test("nobody acts on oneself, on the room, or by a number that is of one node alone", () => {
  const verbs = (seq: number, userId: string, epoch: string) => actsOn({ seq, userId, ts: 5 }, epoch, "mia").map(({ op }) => op.verb);
  assert.deepEqual(verbs(7, "mia", "e"), ["delete", "pin"]);
  assert.deepEqual(verbs(7, "", "e"), ["delete", "pin"]);
  for (const [seq, epoch] of [[0, "e"], [7, "l-1"]] as const) assert.deepEqual(verbs(seq, "bob", epoch), ["mute", "mute", "kick", "ban", "purge"]);
});

test("a badge is a role that the message carries and the page knows", () => {
  assert.deepEqual(["vip", "moderator", "owner"].map((role) => badgeOf({ user: { role } })), ["roleVip", "roleModerator", "roleOwner"]);
  for (const user of [{}, { role: "king" }, { role: "constructor" }, { role: 7 }, { name: "owner" }]) assert.equal(badgeOf({ user }), undefined, JSON.stringify(user));
  assert.equal(badgeOf({}), undefined);
});
