// The gate stands where one writes, while one may not.

import type { Can, State } from "../../client/src/index.js";
import type { Text } from "./texts.js";

/** Gate says why one may not write, and offers a way to, where there is one. */
export interface Gate {
  readonly why: Text;
  readonly blanks?: Record<string, string>;
  /** reason is what a moderator gave. */
  readonly reason?: string;
  /** wait is a text with the n seconds that are left. */
  readonly wait?: Text;
  readonly n?: number;
  readonly offer?: Text;
  /** how: by the door; with a password, as one is asked for again; at once, as the same user; or back into the room. */
  readonly how?: "door" | "password" | "here" | "back";
}

const guest: Gate = { why: "gateGuest", offer: "logIn", how: "door" };
const reader: Gate = { why: "gateReader", offer: "logIn", how: "door" };

/** ends are the ends of a login; the room does not come back by itself. */
const ends: Record<string, Gate> = {
  token_expired: { why: "gateExpired", offer: "logInAgain", how: "password" },
  token_revoked: { why: "gateRevoked", offer: "logInAgain", how: "password" },
  unauthenticated: { why: "gateInvalid", offer: "logInAgain", how: "password" },
  // By a click alone: devices would end each other's logins in turns.
  token_replaced: { why: "gateReplaced", offer: "logInHere", how: "here" },
};

/** gateOf says what keeps one from writing; undefined is nothing. can is undefined before the server has sent it. */
export function gateOf({ name, reason }: Pick<State, "name" | "reason">, isGuest: boolean, can: readonly Can[] | undefined): Gate | undefined {
  if (name === "closed" && Object.hasOwn(ends, reason)) return ends[reason];
  if (isGuest && !can) return guest;
  return !can || can.includes("send") ? undefined : isGuest ? guest : reader;
}
