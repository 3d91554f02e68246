// The options of a Room, checked once. A flaw is reported where the Room is made: later
// it would look like a network that fails.

import { flaw, invalid, json, maxIdBytes, shown } from "./check.js";
import { checkToken } from "./token.js";
import type { FetchLike, GetToken, RoomOptions, WebSocketClass } from "./types.js";

/** Settings are the options with what they leave out. */
export interface Settings {
  readonly room: string;
  /** userId is "" where the server shall name it. */
  readonly userId: string;
  /** token is one, or a function that gives it; "" for a guest's. */
  readonly token: string | GetToken;
  readonly base: URL;
  readonly backoffBaseMs: number;
  readonly backoffCapMs: number;
  readonly sendTimeoutMs: number;
  readonly gapLimit: number;
  readonly WebSocket: WebSocketClass;
  readonly fetch: FetchLike;
}

/**
 * readOptions throws a BarrageError with code "invalid" where the options make no sense, "bad_token" where a token can
 * be none.
 */
export function readOptions(options: RoomOptions): Settings {
  if (typeof options !== "object" || options === null) refuse(`the options are no object but ${shown(options)}`);
  const { room, userId, fetch: fetcher = (...args) => fetch(...args) } = options;
  checkId("room", room);
  if (room === "." || room === "..") refuse(`room is "${room}", which no URL can name`);
  if (userId !== undefined) checkId("userId", userId);
  const base = readBase(options.url ?? globalThis.location?.origin);
  const WebSocket = options.WebSocket ?? (globalThis.WebSocket as WebSocketClass | undefined);
  if (!WebSocket) return refuse("there is no WebSocket here, pass one in the options");
  if (typeof fetcher !== "function") refuse("fetch is no function");
  const { gapLimit = 500 } = options;
  if (gapLimit !== Infinity && !(Number.isSafeInteger(gapLimit) && gapLimit >= 0)) refuse(`gapLimit is ${shown(gapLimit)}, want a whole number from 0`);
  return {
    room, userId: userId ?? "", token: readToken(options), base, gapLimit, WebSocket, fetch: fetcher,
    backoffBaseMs: positive("backoffBaseMs", options.backoffBaseMs ?? 1000),
    backoffCapMs: positive("backoffCapMs", options.backoffCapMs ?? 30_000),
    sendTimeoutMs: positive("sendTimeoutMs", options.sendTimeoutMs ?? 30_000, true),
  };
}

function refuse(why: string): never {
  throw invalid(`cannot make a Room: ${why}`);
}

function checkId(name: string, id: unknown): void {
  const why = flaw(id, maxIdBytes);
  if (why) refuse(`${name} ${why}`);
}

function readToken({ token, getToken }: RoomOptions): string | GetToken {
  if (getToken !== undefined && token !== undefined) refuse("token and getToken are both there, want one of them");
  if (getToken !== undefined && typeof getToken !== "function") refuse("getToken is no function");
  const given = getToken ?? token;
  return given === undefined ? "" : typeof given === "function" ? given : checkToken(given);
}

/**
 * positive refuses what a timer takes for no time at all, and what never ends unless something else bounds it. The
 * client would try again without a pause, or never.
 */
function positive(name: string, ms: number, bounded = false): number {
  return typeof ms === "number" && ms > 0 && (bounded || ms < Infinity) ? ms : refuse(`${name} is ${shown(ms)}, want a number of ms above 0`);
}

/** readBase reads the address of a server. fetch takes none with a name and a password in it. */
function readBase(url: unknown): URL {
  let base: URL | undefined;
  try {
    base = new URL(url as string);
  } catch {
    // reported below
  }
  if (!base || !/^(ws|http)s?:$/.test(base.protocol)) return refuse(`url is ${shown(url, json)}, want ws://host:port`);
  if (base.username || base.password) refuse("url has a user name or a password, which no request may have");
  return base;
}
