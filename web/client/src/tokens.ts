// Which token is used: the one of the moment while it is fresh, else the next one that the
// application gives.

import type { Stop } from "./backoff.js";
import { shown } from "./check.js";
import type { Env } from "./env.js";
import { BarrageError, ConnectionError } from "./errors.js";
import { checkToken } from "./token.js";
import type { GetToken } from "./types.js";

/**
 * renewable are the refusals that another token may help against. That it was replaced is none of these: another login
 * would end the newer one.
 */
const renewable: readonly string[] = ["unauthenticated", "token_expired", "token_revoked"];

/** renewShare and renewSpread: a token is fresh for 90 % of its life, 5 % more or less, for not all to come at once. */
const renewShare = 0.9;
const renewSpread = 0.05;

/** leastMs is how long a token is fresh at least: short lives must not become a loop. */
const leastMs = 1000;

/**
 * giveMs is how long the application may take to give a token: above what its request takes on a slow network, below
 * what people wait. Without a bound a function that never settles would have the room be connecting for ever.
 */
const giveMs = 30_000;

/** Tokens knows the token of the moment, "" for none, and how to get the next one. */
export class Tokens {
  readonly #env: Env;
  readonly #give: GetToken | undefined;
  #token: string;
  #endsAt = 0; // by Env.now; 0 = never, or not known
  #renewAt = 0; // until when it is fresh; 0 = not known
  readonly #asks = new Set<() => void>(); // each ends an ask that waits for the application
  #refused: { readonly token: string; readonly stop: Stop } | undefined; // since the last welcome

  constructor(env: Env, token: string | GetToken) {
    this.#env = env;
    this.#give = typeof token === "function" ? token : undefined;
    this.#token = typeof token === "function" ? "" : token;
  }

  /** token is that of the moment. */
  get token(): string {
    return this.#token;
  }

  /** renewAt is when to get the next one, by Env.now; 0 where there is no such time, or nobody to ask. */
  get renewAt(): number {
    return this.#give ? this.#renewAt : 0;
  }

  /** over says that the life of the token has ended, by our clock. */
  get over(): boolean {
    return this.#endsAt > 0 && this.#env.now() >= this.#endsAt;
  }

  /**
   * next is for a new connection: the token of the moment while it is fresh, else the next one. It rejects with a
   * ConnectionError where asking again is no use: the result is no token, or the one that was refused.
   */
  async next(): Promise<string> {
    if (!this.#give || this.#env.now() < this.#renewAt) return this.#token;
    const token = await this.ask();
    const refused = this.#refused;
    if (refused?.token === token) throw new ConnectionError(refused.stop.code, refused.stop.message);
    return token;
  }

  /** ask asks the application. It rejects with a BarrageError; see next. A token after giveMs counts for nothing. */
  async ask(): Promise<string> {
    let given: unknown;
    let over = () => {};
    const closed = new BarrageError("closed", "cannot get a token: the room was closed");
    const none = new Promise<never>((_, reject) => {
      const late = this.#env.after(giveMs, () => reject(new Error(`none came within ${giveMs / 1000} s`)));
      const end = () => reject(closed);
      this.#asks.add(end);
      over = () => (late(), this.#asks.delete(end));
    });
    try {
      given = await Promise.race([this.#give?.(), none]);
    } catch (err) {
      if (err === closed) throw closed;
      throw new BarrageError("unauthenticated", `cannot get a token: ${shown(err)}`);
    } finally {
      over();
    }
    return checkToken(given);
  }

  /** use makes this the token of the moment. */
  use(token: string): void {
    if (token !== this.#token) this.#endsAt = this.#renewAt = 0;
    this.#token = token;
  }

  /**
   * accepted takes the server's word that the token of the moment is good, for lifeMs; 0 = for ever, or nobody knows.
   */
  accepted(lifeMs: number): void {
    this.#refused = undefined;
    this.#endsAt = lifeMs > 0 ? this.#env.now() + lifeMs : 0;
    this.#plan(lifeMs);
  }

  /** goOn has the token of the moment renewed later, while it lives: the application has no other one yet. */
  goOn(): void {
    this.#plan(this.#endsAt - this.#env.now());
  }

  /** #plan says when the next token is asked for, where the one of the moment has leftMs to live. */
  #plan(leftMs: number): void {
    const share = () => renewShare + renewSpread * (2 * this.#env.random() - 1);
    this.#renewAt = leftMs > 0 ? this.#env.now() + Math.max(leftMs * share(), leastMs) : 0;
  }

  /**
   * refuse takes a refusal of the token of the moment; true where the next one may help: once from welcome to welcome.
   */
  refuse(stop: Stop): boolean {
    if (!this.#give || this.#refused || !renewable.includes(stop.code)) return false;
    this.#refused = { token: this.#token, stop };
    this.#renewAt = 0;
    return true;
  }

  /**
   * forget has the next connection begin with a token that is asked for. The one that is asked for now is waited for no
   * more.
   */
  forget(): void {
    for (const end of this.#asks) end();
    this.#refused = undefined;
    this.#endsAt = this.#renewAt = 0;
  }
}
