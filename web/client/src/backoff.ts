// When to connect again, and when not to.

import type { HttpError } from "./errors.js";
import type { StateReason } from "./types.js";

/** Stop says that connecting again is useless until the application does something. */
export interface Stop {
  readonly stop: true;
  readonly code: StateReason;
  readonly message: string;
  /** until is when a ban or a kick ends, and retryAfterMs how long that is; undefined where the server named none. */
  readonly until?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  /** because is the reason that the moderator gave; undefined where the server named none. */
  readonly because?: string | undefined;
}

/** Wait says why and how long to wait. */
export interface Wait {
  readonly stop: false;
  readonly reason: StateReason;
  readonly ms: number;
  /** firm: the server named the time, so a page that comes back does not cut it short. */
  readonly firm: boolean;
}

/** floodMs is how long a client that flooded stays away (the protocol's table of close codes). */
const floodMs = 60_000;

/** stops are the close codes that mean no. */
const stops: Record<number, [code: StateReason, message: string]> = {
  1002: ["protocol", "the server found a protocol error"],
  1003: ["protocol", "the server found a binary frame"],
  1007: ["protocol", "the server found text that is no UTF-8"],
  1009: ["too_big", "the server found a message too big"],
  4400: ["bad_request", "the server got too many bad requests"],
  4401: ["unauthenticated", "the token is not valid any more"],
  4410: ["token_replaced", "the user has logged in elsewhere since"],
  4403: ["forbidden", "not a member of the room"],
};

/** sentOut are the texts of close 4403 that name a moderator's verdict, with what they mean. */
const sentOut: Record<string, string> = {
  banned: "banned from the room",
  kicked: "sent out of the room",
};

/** isSentOut says that a moderator has closed the room for this user: the server knows until when. */
export function isSentOut(code: string): boolean {
  return Object.hasOwn(sentOut, code);
}

/** Backoff waits with full jitter: a random time up to a bound that doubles with each failure. */
export class Backoff {
  readonly #baseMs: number;
  readonly #capMs: number;
  readonly #random: () => number;
  #failures = 0;

  constructor(baseMs: number, capMs: number, random: () => number) {
    this.#baseMs = baseMs;
    this.#capMs = capMs;
    this.#random = random;
  }

  /** reset says that all is well: the next wait is short again. */
  reset(): void {
    this.#failures = 0;
  }

  /**
   * afterClose decides about a connection that stood and was closed with code and reason; over says that its token's
   * life has ended.
   */
  afterClose(code: number, reason: string, over: boolean): Stop | Wait {
    if (code === 4401 && over) return { stop: true, code: "token_expired", message: "the token's life is over" };
    if (code === 4403 && isSentOut(reason)) return { stop: true, code: reason, message: sentOut[reason]! };
    const no = stops[code];
    if (no) return { stop: true, code: no[0], message: no[1] };
    if (code === 4429) return this.#wait("flooding", floodMs);
    return this.#wait(code === 1012 ? "leaving" : "lost");
  }

  /** afterRefusal decides about a handshake that was refused with an HTTP status. */
  afterRefusal({ status, code, message, retryAfterMs, until, because }: HttpError): Stop | Wait {
    if (status >= 400 && status < 500 && status !== 408 && status !== 429) return { stop: true, code, message, until, retryAfterMs, because };
    return this.#wait(code, retryAfterMs);
  }

  /** afterFailure decides about a connection that could not be made, or fell silent. */
  afterFailure(reason: StateReason): Wait {
    return this.#wait(reason);
  }

  /** #wait waits for the time that the server named, and spreads the clients that received the same one. */
  #wait(reason: StateReason, namedMs?: number): Wait {
    const bound = Math.min(this.#capMs, this.#baseMs * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 30);
    return { stop: false, reason, ms: Math.round((namedMs ?? 0) + this.#random() * bound), firm: namedMs !== undefined };
  }
}
