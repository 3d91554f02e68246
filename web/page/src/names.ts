// The badges beside a name.

import type { Message } from "../../client/src/index.js";
import type { Text } from "./texts.js";

/** badges are the roles that are shown beside a name. */
const badges: Record<string, Text> = { vip: "roleVip", moderator: "roleModerator", owner: "roleOwner" };

/** badgeOf is the role that the sender's token says; undefined for none, or one that the page does not know. */
export function badgeOf({ user }: Pick<Message, "user">): Text | undefined {
  const role = user?.["role"];
  return typeof role === "string" && Object.hasOwn(badges, role) ? badges[role] : undefined;
}
