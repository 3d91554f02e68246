// How fast ops may go out: within the limits that the server sends, so that it need refuse none.

import type { Limits } from "./types.js";

/** headroom is the part of a burst that is used: on the way ops may draw closer together. */
const headroom = 0.75;

/** Pace is a rate as GCRA has it: some at once, and one more each so often. */
export class Pace {
  #everyMs = 0; // 0 = no limit
  #mostMs = 0; // that may be used up
  #usedUntil = 0;

  /** begin takes the limits of a new connection, of which nothing is used. */
  begin({ ratePerSecond, burst }: Pick<Limits, "ratePerSecond" | "burst">): void {
    this.#everyMs = ratePerSecond > 0 ? 1000 / ratePerSecond : 0;
    this.#mostMs = this.#everyMs * Math.max(1, Math.floor(burst * headroom));
    this.#usedUntil = 0;
  }

  /** take takes one op at now, and returns 0; or how long to wait until it could, in ms. */
  take(now: number): number {
    const ahead = Math.max(0, this.#usedUntil - now) + this.#everyMs;
    if (ahead > this.#mostMs) return ahead - this.#mostMs;
    this.#usedUntil = now + ahead;
    return 0;
  }

  /** hold has nothing go out for ms from now, and then one at a time: the server has refused one. */
  hold(now: number, ms: number): void {
    this.#everyMs ||= 200; // it has a limit, though it named none
    this.#mostMs ||= this.#everyMs;
    this.#usedUntil = Math.max(this.#usedUntil, now + ms + this.#mostMs - this.#everyMs);
  }
}
