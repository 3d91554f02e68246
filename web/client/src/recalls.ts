// Which message was taken back: known by its sender and its id, as numbers change with epochs.

import type { Message, Recalled } from "./types.js";

const idMs = 120_000; // Then a sender may use an id again, for another message.

/** means says whether a recall is of this message; sameCount whether the message's seq is of the epoch of now. */
export function means(recalled: Recalled, message: Message, sameCount: boolean): boolean {
  const { seq, userId, id, ts } = recalled;
  if (!userId) return sameCount && seq > 0 && seq === message.seq; // History says no more.
  if (userId !== message.userId || id !== message.id) return false;
  return id.startsWith("~") || Math.abs(ts - message.ts) <= (id ? idMs : 0);
}
