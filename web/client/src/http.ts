// The HTTP side of the protocol: history, and why a handshake failed.

import { shown } from "./check.js";
import type { Env } from "./env.js";
import { HttpError } from "./errors.js";
import type { Place } from "./stream.js";
import { fitsHeader } from "./token.js";
import type { FetchLike, Held, Message, ResponseLike } from "./types.js";
import { count, isObject, readHeldList, readMessages, text } from "./wire.js";

/** requestMs bounds a request. */
const requestMs = 5000;

/** pageLimit is how many messages are asked for at once (the server gives up to 1,000). */
const pageLimit = 500;

/** History is a page of a room's history, oldest first. */
export interface History {
  /** epoch that its seqs count in; "" where the server named none. */
  readonly epoch: string;
  readonly messages: Message[];
}

/** Api knows the addresses of one room, for one user. A user or a token of "" is left out. */
export class Api {
  readonly #env: Env;
  readonly #fetch: FetchLike;
  readonly #base: URL; // with a slash at its end
  readonly #room: string;
  readonly #userId: string;

  /** base is an address of ws, wss, http or https. */
  constructor(env: Env, fetcher: FetchLike, base: URL, room: string, userId: string) {
    this.#env = env;
    this.#fetch = fetcher;
    this.#base = new URL(base.href.replace(/^ws/, "http"));
    this.#base.search = this.#base.hash = "";
    if (!this.#base.pathname.endsWith("/")) this.#base.pathname += "/";
    this.#room = room;
    this.#userId = userId;
  }

  /** home is the address of the node, of http, with a slash at its end. */
  get home(): string {
    return this.#base.href;
  }

  /** socketUrl is where to connect, and from where to resume. */
  socketUrl(resume: Place | undefined): string {
    const url = this.#url("/ws", { user_id: this.#userId || undefined, ...resume });
    return url.href.replace(/^http/, "ws"); // not by url.protocol: some runtimes refuse to change it
  }

  /**
   * refusal returns why a socket would be refused now: the room's answer to that over HTTP; undefined where it
   * would not be.
   */
  async refusal(token: string, signal: AbortSignal): Promise<HttpError | undefined> {
    try {
      await this.#get(this.#url("", { for: "socket" }), token, signal);
      return undefined;
    } catch (err) {
      return err as HttpError; // #get throws no other
    }
  }

  /** history returns at most limit messages, the newest before the seq given. */
  async history(token: string, before: number | undefined, limit: number, signal: AbortSignal): Promise<History> {
    const raw = await this.#get(this.#url("/messages", { before, limit }), token, signal);
    return isObject(raw) ? { epoch: text(raw["epoch"]), messages: readMessages(raw["messages"]) } : { epoch: "", messages: readMessages(raw) };
  }

  /**
   * between returns what history has of the seqs from..to, in order, page by page from
   * the newest. It rejects where the answer is of another epoch.
   */
  async between(token: string, epoch: string, from: number, to: number, signal: AbortSignal): Promise<Message[]> {
    let found: Message[] = [];
    let before = to + 1;
    while (before > from) {
      const page = await this.history(token, before, Math.min(before - from, pageLimit), signal);
      if (page.epoch !== epoch) throw new HttpError(200, "protocol", "history is of another epoch");
      const older = page.messages.filter((m) => m.seq < before);
      const oldest = older[0];
      if (!oldest) break;
      found = [...older.filter((m) => m.seq >= from), ...found];
      before = oldest.seq;
    }
    return found;
  }

  /** held returns what waits for a moderator, the oldest first. */
  async held(token: string, signal: AbortSignal): Promise<Held[]> {
    return readHeldList(await this.#get(this.#url("/mod/held", {}), token, signal));
  }

  #url(path: string, query: Record<string, string | number | undefined>): URL {
    const url = new URL(`v1/rooms/${encodeURIComponent(this.#room)}${path}`, this.#base);
    for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value));
    return url;
  }

  async #get(url: URL, token: string, signal: AbortSignal): Promise<unknown> {
    const timeout = new AbortController();
    const over = new Promise<never>((_, reject) => timeout.signal.addEventListener("abort", () => reject(new Error("aborted"))));
    over.catch(() => {}); // nobody may be waiting any more
    const abort = () => timeout.abort();
    const cancel = this.#env.after(requestMs, abort);
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    if (this.#userId) url.searchParams.set("user_id", this.#userId);
    if (token && !fitsHeader(token)) url.searchParams.set("token", token);
    try {
      // The fetch of an application need not heed its signal: nothing waits longer for it.
      const response = await Promise.race([this.#ask(url, token, timeout.signal), over]);
      const body: unknown = await Promise.race([response.json().catch(() => undefined), over]);
      if (!response.ok) throw this.#refused(response, body);
      return body;
    } catch (err) {
      if (err instanceof HttpError) throw err;
      if (timeout.signal.aborted && !signal.aborted) throw new HttpError(0, "timeout", `cannot get ${url.pathname}: no answer within ${requestMs} ms`);
      throw new HttpError(0, signal.aborted ? "closed" : "network", `cannot get ${url.pathname}: ${err instanceof Error ? err.message : shown(err)}`);
    } finally {
      cancel();
      signal.removeEventListener("abort", abort);
    }
  }

  /** #ask sends a request. A request that throws before it goes out is no network that fails: it would throw again. */
  #ask(url: URL, token: string, signal: AbortSignal): Promise<ResponseLike> {
    try {
      return this.#fetch(url.href, { headers: fitsHeader(token) ? { Authorization: `Bearer ${token}` } : {}, signal });
    } catch (err) {
      throw new HttpError(0, "invalid", `cannot get ${url.pathname}: ${shown(err)}`);
    }
  }

  /** #refused reads a refusal. A page of another origin may not see the header Retry-After, so the body comes first. */
  #refused(response: ResponseLike, body: unknown): HttpError {
    const raw = isObject(body) && isObject(body["error"]) ? body["error"] : {};
    const code = text(raw["code"]) || codes[response.status] || "refused";
    const message = text(raw["message"]) || `the server answered with ${response.status}`;
    const named = raw["retry_after_ms"];
    const ms = typeof named === "number" && named > 0 ? named : retryAfter(response.headers.get("Retry-After"), this.#env.date());
    return new HttpError(response.status, code, message, ms, count(raw["until"]) || undefined, text(raw["reason"]) || undefined);
  }
}

/** codes stand in where something in between, a proxy, refused without one. */
const codes: Record<number, string> = {
  401: "unauthenticated",
  403: "forbidden",
  404: "no_such_room",
  429: "rate_limited",
  503: "unavailable",
};

/** retryAfter reads the header: seconds or a date (RFC 9110 section 10.2.3). */
function retryAfter(header: string | null, date: number): number | undefined {
  if (!header) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - date;
  return ms > 0 ? ms : undefined;
}

