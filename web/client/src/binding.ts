// The common part of the bindings to frameworks.

import type { GetToken } from "./types.js";
import type { ViewOptions } from "./view.js";

/** identityOf names what makes a room another one: with the same identity a component keeps its room. */
export function identityOf(options: ViewOptions): string {
  const { url, room, userId, token, keep } = options ?? {}; // a RoomStore says what is wrong
  return JSON.stringify([url, room, userId, typeof token === "string" ? token : null, keep]);
}

/** latest is options whose getToken is the one of now: components make another function each time. */
export function latest(options: ViewOptions, now: () => ViewOptions): ViewOptions {
  const { getToken, token } = options ?? {};
  const give = (): GetToken => {
    const { getToken, token } = now();
    return (getToken ?? token) as GetToken;
  };
  if (getToken === undefined && typeof token !== "function") return options;
  const { token: _, ...rest } = options;
  return { ...rest, getToken: () => give()() };
}
