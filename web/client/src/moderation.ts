// The request of a moderator, checked before it goes out.

import { flaw, maxIdBytes, shown, whole } from "./check.js";
import type { Moderation } from "./types.js";

/** forGood is the end of what does not end: of a ban or of a mute, in ms since 1970 (the protocol's). */
export const forGood = 253_402_300_799_000;

/** maxReason bounds a reason, in characters (the server's). */
const maxReason = 200;

/**
 * flawOf says what is wrong with a Moderation; "" for nothing. The server knows what a verb needs, and which users may
 * send it.
 */
export function flawOf(op: Moderation): string {
  if (typeof op !== "object" || op === null) return `there is no object but ${shown(op)}`;
  const { verb, reason } = op;
  if (typeof verb !== "string" || !verb) return "there is no verb";
  if (reason !== undefined && !(typeof reason === "string" && [...reason].length <= maxReason)) return `the reason is no text of at most ${maxReason} characters`;
  if ("userId" in op) {
    const why = flaw(op.userId, maxIdBytes);
    if (why) return `userId ${why}`;
  }
  if ("seq" in op && !whole(op.seq, 1)) return `seq is ${shown(op.seq)}, want a whole number from 1`;
  if ("forMs" in op && op.forMs !== undefined && !whole(op.forMs, 0)) return `forMs is ${shown(op.forMs)}, want a whole number from 0`;
  if ("held" in op && (typeof op.held !== "string" || !op.held)) return "held is no name of a message that waits";
  if ("body" in op && typeof op.body !== "string") return `the body is no string but ${typeof op.body}`;
  if ("modes" in op && (typeof op.modes !== "object" || op.modes === null)) return `modes is ${shown(op.modes)}, want an object`;
  return "";
}
