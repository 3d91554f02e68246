// The names of people, and their colour.

import type { Message } from "../types.js";
import { tame } from "./tame.js";

const longest = 64; // Letters of a name that are shown.

/** unruly are marks that turn the direction of whatever follows, also outside of the name, and what shows nothing. */
const unruly = /[\p{Cc}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/gu;

/** nameOf is the name that the sender's token gives them, or their id where it gives none. It is text, never HTML. */
export function nameOf({ user, userId }: Pick<Message, "user" | "userId">): string {
  const name = user?.["name"];
  if (typeof name !== "string") return tame(userId);
  const shown = [...name.replace(/\s+/g, " ").replace(unruly, "").trim()].slice(0, longest).join("").trim();
  return shown || tame(userId);
}

/** hueOf gives each id its colour, in degrees. */
export function hueOf(id: string): number {
  let h = 2166136261;
  for (const letter of id) h = Math.imul(h ^ letter.codePointAt(0)!, 16777619);
  return (h >>> 0) % 360;
}
