// The acts of a moderator about a message.

import type { Message, Moderation } from "../../client/src/index.js";
import { isLocal } from "../../client/src/stream.js";
import type { Text } from "./texts.js";

/** Act is one thing to do, with its name. */
export interface Act {
  readonly name: Text;
  readonly op: Moderation;
}

const tenMinutes = 600_000; // ms

/** actsOn are the acts on a message with a number of this epoch. Nobody acts on oneself, nor on the room. */
export function actsOn({ seq, userId, ts }: Pick<Message, "seq" | "userId" | "ts">, epoch: string, me: string): Act[] {
  const acts: Act[] = [];
  if (seq > 0 && !isLocal(epoch)) {
    acts.push({ name: "actDelete", op: { verb: "delete", seq, epoch, userId, ts } }, { name: "actPin", op: { verb: "pin", seq, epoch } });
  }
  if (userId && userId !== me) {
    acts.push(
      { name: "actMuteTen", op: { verb: "mute", userId, forMs: tenMinutes } },
      { name: "actMute", op: { verb: "mute", userId } },
      { name: "actKick", op: { verb: "kick", userId } },
      { name: "actBan", op: { verb: "ban", userId } },
      { name: "actPurge", op: { verb: "purge", userId } },
    );
  }
  return acts;
}
