// What people are called.

import type { Message } from "../../client/src/index.js";
import { tame } from "./tame.js";
import type { Text } from "./texts.js";

const longest = 64; // Letters of a name that are shown.

/** unruly are marks that turn the direction of whatever follows, also outside of the name, and what shows nothing. */
const unruly = /[\p{Cc}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/gu;

/** badges are the roles that are shown beside a name. */
const badges: Record<string, Text> = { vip: "roleVip", moderator: "roleModerator", owner: "roleOwner" };

/** badgeOf is the role that the sender's token says; undefined for none, or one that the page does not know. */
export function badgeOf({ user }: Pick<Message, "user">): Text | undefined {
  const role = user?.["role"];
  return typeof role === "string" && Object.hasOwn(badges, role) ? badges[role] : undefined;
}

/** nameOf is the name that the sender's token gives them, or their id where it gives none. It is text, never HTML. */
export function nameOf({ user, userId }: Pick<Message, "user" | "userId">): string {
  const name = user?.["name"];
  if (typeof name !== "string") return tame(userId);
  const shown = [...name.replace(/\s+/g, " ").replace(unruly, "").trim()].slice(0, longest).join("").trim();
  return shown || tame(userId);
}
