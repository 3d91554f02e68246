// Which messages were handed on already. Numbers change with epochs; a message keeps its sender and its id, or without
// an id its sender, its ts and its body.

/** Known is what a message is known by. */
export interface Known {
  readonly userId: string;
  /** id is the sender's, or one that a node gave, which begins with "~"; "" for none. */
  readonly id: string;
  readonly ts: number;
  /** body counts where there is no id; a recall has none. */
  readonly body?: string;
}

/** againMs is when a sender may use an id again, for another message (the protocol's). */
const againMs = 120_000;

/** maxKeys bounds a generation; there are two. */
const maxKeys = 4096;

/**
 * Trace is what is remembered of a message: where it stood, and with which ts, when it was added last; 0 for no number.
 */
interface Trace {
  readonly ts: number; // when it was added first
  seq: number;
  at: number;
}

/** Seen remembers the newest maxKeys messages that were added, and up to as many before them. */
export class Seen {
  #young = new Map<string, Trace>(); // by key
  #old = new Map<string, Trace>();
  #first: number | undefined; // the smallest ts of all that were added
  #forgotten = -1; // the largest ts of what was dropped

  /** has says that the message was added. With a sender's id one that is later by more than two minutes is another. */
  has(m: Known): boolean {
    return this.#find(m) !== undefined;
  }

  /**
   * stands says that the message was added last under this number and with its ts: one that was stored again has
   * another ts.
   */
  stands(m: Known, seq: number): boolean {
    const trace = this.#find(m);
    return trace?.seq === seq && trace.at === m.ts;
  }

  #find(m: Known): Trace | undefined {
    const key = keyOf(m);
    const trace = this.#young.get(key) ?? this.#old.get(key);
    return trace && (m.id.startsWith("~") || m.ts <= trace.ts + againMs) ? trace : undefined;
  }

  /** add remembers a message under a number; false where it was there already. */
  add(m: Known, seq = 0): boolean {
    const known = this.#find(m);
    if (known) {
      [known.seq, known.at] = [seq, m.ts];
      return false;
    }
    if (this.#young.size >= maxKeys) {
      for (const { ts } of this.#old.values()) this.#forgotten = Math.max(this.#forgotten, ts);
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(keyOf(m), { ts: m.ts, seq, at: m.ts });
    this.#first = Math.min(this.#first ?? m.ts, m.ts);
    return true;
  }

  /** predates says of a message that was not found: it is from before the first one added, or was perhaps forgotten. */
  predates(m: Known): boolean {
    return m.ts <= this.#forgotten || m.ts < (this.#first ?? 0);
  }
}

function keyOf(m: Known): string {
  return JSON.stringify(m.id ? [m.userId, m.id] : [m.userId, m.ts, m.body]);
}
