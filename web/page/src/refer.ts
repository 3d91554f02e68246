// The references of a message: the one that it answers, and the users that it mentions. docs/protocol.md says how that
// stands in its ext.

import type { Message } from "../../client/src/index.js";
import { nameOf } from "../../client/src/show/names.js";
import { tame } from "../../client/src/show/tame.js";

/**
 * Reply is which message another one answers. The name and the text that the answer gives for it are not read: no word
 * filter saw these, no mode holds for them. They would also stay when the message is taken back.
 */
export interface Reply {
  readonly userId: string;
  readonly id: string;
}

const longestName = 64, longestBody = 100; // Letters: an ext has 4 KiB at most, and a line is shown.

/** Ext is the ext of a message that answers another one. */
type Ext = Readonly<Record<string, unknown>>;

function begin(text: string, letters: number): string {
  return [...tame(text.slice(0, 4 * letters)).replace(/\s+/g, " ")].slice(0, letters).join("");
}

/** beginOf is how a message is shown where it is answered: its sender, and how it begins. */
export function beginOf(message: Pick<Message, "userId" | "user" | "body">): { readonly who: string; readonly body: string } {
  return { who: begin(nameOf(message), longestName), body: begin(message.body, longestBody) };
}

/**
 * replyOf is what a message answers; undefined where it answers nothing, or does not say so in a way that can be read.
 */
export function replyOf({ ext }: Pick<Message, "ext">): Reply | undefined {
  const { user_id, id } = ((ext as Ext | null | undefined)?.["reply"] ?? {}) as Ext;
  if (typeof user_id !== "string" || typeof id !== "string" || !user_id || !id) return undefined;
  return { userId: user_id, id };
}

/** answerTo is the ext of a message that answers this one. */
export function answerTo(message: Pick<Message, "userId" | "id" | "user" | "body">): Ext {
  const { who, body } = beginOf(message);
  return { reply: { user_id: message.userId, id: message.id, name: who, body } };
}

/** Me is who is spoken to: an id, and the name that others see, which may be the same. */
export interface Me {
  readonly id: string;
  readonly name: string;
}

/**
 * joins ends what an "@" belongs to: an address, which no full stop ends, and no mention. Texts in Chinese have no
 * space there.
 */
const joins = /[A-Za-z0-9_-]$/;

/**
 * goesOn begins more of a name. Of one that ends in ASCII it is no letter of a script that puts no spaces between
 * words.
 */
const goesOn = /^[\p{L}\p{M}\p{N}_-]/u, goesOnInAscii = /^(?![\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\p{sc=Thai}])[\p{L}\p{M}\p{N}_-]/u;

const mostMentions = 50; // Of a text: 800 in each of a few texts held the page of their reader up for seconds.

/**
 * mentionsIn are the parts of a text that mention somebody, the first 50: the places of "@" and of what follows the
 * name.
 */
export function mentionsIn(body: string, { id, name }: Me): [from: number, to: number][] {
  const found: [number, number][] = [], wanted = [id, name].filter(Boolean).map((word) => `@${word}`).sort((a, b) => b.length - a.length);
  for (let at = body.indexOf("@"); at >= 0 && found.length < mostMentions; at = body.indexOf("@", at + 1)) {
    if (at !== found.at(-1)?.[1] && joins.test(body.slice(Math.max(0, at - 1), at))) continue;
    const word = wanted.find((word) => body.slice(at, at + word.length).toLowerCase() === word.toLowerCase() && !(/\w$/.test(word) ? goesOnInAscii : goesOn).test(body.slice(at + word.length)));
    if (word) found.push([at, at + word.length]);
  }
  return found;
}

/** calls says that a message speaks to somebody: it answers them, or mentions them. */
export function calls(message: Pick<Message, "ext" | "body">, me: Me): boolean {
  const mentioned = (message.ext as Ext | null | undefined)?.["mentions"];
  return me.id !== "" && (replyOf(message)?.userId === me.id || (Array.isArray(mentioned) && mentioned.includes(me.id)) || mentionsIn(message.body, me).length > 0);
}
