// A token is renewed before its life ends, on the connection that stands.

import type { Backoff } from "./backoff.js";
import type { Env } from "./env.js";
import { BarrageError } from "./errors.js";
import type { Line } from "./outbox.js";
import type { Tokens } from "./tokens.js";

/** passing are the refusals that go by: the same token is offered again. */
const passing: readonly string[] = ["unavailable", "busy", "rate_limited"];

/** Offer is a token on its way to the server. */
interface Offer {
  readonly id: string;
  readonly token: string;
}

/** RefreshHost receives why a token was not renewed: none came, or the server refused it. It may close the room. */
export type RefreshHost = (err: BarrageError) => void;

/** Refresh gets the next token when it is time, and offers it to the server. */
export class Refresh {
  readonly #env: Env;
  readonly #tokens: Tokens;
  readonly #backoff: Backoff;
  readonly #host: RefreshHost;
  readonly #idPrefix: string;
  #ids = 0;
  #line: Line | undefined;
  #resting = false; // until it is time; else a token is asked for or offered, or the server wants no other one
  #offer: Offer | undefined; // that waits for its answer
  #cancel = () => {};

  /** backoff is for the application, where it has no token. */
  constructor(env: Env, tokens: Tokens, backoff: Backoff, idPrefix: string, host: RefreshHost) {
    this.#env = env;
    this.#tokens = tokens;
    this.#backoff = backoff;
    this.#idPrefix = idPrefix;
    this.#host = host;
  }

  /** connected begins, on a connection that was welcomed. */
  connected(line: Line): void {
    this.disconnected();
    this.#line = line;
    this.#rest();
  }

  /** disconnected ends it: the next connection has its own token. */
  disconnected(): void {
    this.#cancel();
    this.#line = this.#offer = undefined;
    this.#resting = false;
    this.#backoff.reset();
  }

  /**
   * check renews the token if it is time. Timers stand still while a machine sleeps: the room calls this with each
   * frame, and when the page or the network is back.
   */
  check(): void {
    if (this.#resting && this.#env.now() >= this.#tokens.renewAt) void this.#renew();
  }

  /**
   * accepted takes the server's word that the token offered is good, for lifeMs; false where none was offered under
   * this id.
   */
  accepted(id: string, lifeMs: number): boolean {
    const offer = this.#answered(id);
    if (!offer) return false;
    this.#tokens.use(offer.token);
    this.#tokens.accepted(lifeMs);
    this.#backoff.reset();
    this.#rest();
    return true;
  }

  /**
   * refused takes a refusal; false where nothing was offered under this id. The connection goes on with the token it
   * has.
   */
  refused(id: string, code: string, message: string, retryAfterMs: number | undefined): boolean {
    const offer = this.#answered(id);
    if (!offer) return false;
    if (passing.includes(code)) this.#later(retryAfterMs, () => this.#say(offer.token));
    else this.#host(new BarrageError(code, `cannot renew the token: ${message}`));
    return true;
  }

  #answered(id: string): Offer | undefined {
    const offer = this.#offer;
    if (offer?.id !== id) return undefined;
    this.#offer = undefined;
    return offer;
  }

  /** #rest waits until it is time, in several parts where that is more than a timer takes. */
  #rest(): void {
    const { renewAt } = this.#tokens;
    this.#resting = renewAt > 0;
    if (!this.#resting) return;
    this.#cancel = this.#env.after(Math.max(renewAt - this.#env.now(), 0), () => {
      if (this.#env.now() < renewAt) this.#rest();
      else void this.#renew();
    });
  }

  /**
   * #renew asks for the next token. The same one again is none: it is asked for once more when most of its rest is
   * over.
   */
  async #renew(): Promise<void> {
    const line = this.#line;
    this.#cancel();
    this.#resting = false;
    try {
      const token = await this.#tokens.ask();
      if (line !== this.#line) return;
      if (token !== this.#tokens.token) return this.#say(token);
      this.#tokens.goOn();
      this.#rest();
    } catch (err) {
      if (line !== this.#line) return;
      this.#host(err as BarrageError); // ask throws no other
      if (line === this.#line) this.#later(undefined, () => void this.#renew());
    }
  }

  #say(token: string): void {
    this.#offer = { id: `${this.#idPrefix}-a${++this.#ids}`, token };
    this.#line?.send(JSON.stringify({ t: "auth", id: this.#offer.id, token }));
  }

  /** #later does f after the time that the server named, or after that of the back-off. */
  #later(ms: number | undefined, f: () => void): void {
    this.#cancel = this.#env.after(ms ?? this.#backoff.afterFailure("unauthenticated").ms, f);
  }
}
