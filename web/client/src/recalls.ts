// Which messages were taken away. One is known by its sender and its id, as numbers change with epochs.

import type { Cleared, Message, Recalled } from "./types.js";

const idMs = 120_000; // Then a sender may use an id again, for another message.

/** means says whether a recall is of this message; sameCount whether the message's seq is of the epoch of now. */
export function means(recalled: Recalled, message: Message, sameCount: boolean): boolean {
  const { seq, userId, id, ts } = recalled;
  if (!userId) return sameCount && seq > 0 && seq === message.seq; // History names no more.
  if (userId !== message.userId || id !== message.id) return false;
  return id.startsWith("~") || Math.abs(ts - message.ts) <= (id ? idMs : 0);
}

/** Row is what a list shows: a message, with the epoch that its seq counts in, or something else. */
interface Row {
  readonly message?: Message;
  readonly epoch?: string;
}

/**
 * clearedOf is how many of rows, the oldest first, a clear takes away. These are all before the first one with a
 * greater number, or of a later epoch.
 */
export function clearedOf(rows: readonly Row[], { epoch, seq, later }: Cleared): number {
  const stays = rows.findIndex((row) => row.message && (row.epoch === epoch ? row.message.seq > seq : later.includes(row.epoch ?? "")));
  return stays < 0 ? rows.length : stays;
}
