// Elements of the console beside those of the page's dom.ts.

import { nameOf } from "../../client/src/show/names.js";
import { tame } from "../../client/src/show/tame.js";
import { $, element } from "../src/dom.js";
import type { Message } from "./api.js";

export { $, element };

/** button makes one that does something. */
export function button(text: string, className: string, act: () => void): HTMLButtonElement {
  const b = element("button", className, text) as HTMLButtonElement;
  b.type = "button";
  b.onclick = act;
  return b;
}

/** own is text of users, which stays by itself whatever direction it is written in. */
export function own(tag: string, className: string, text: string): HTMLElement {
  return element(tag, className, tame(text));
}

/** sender is what the sender of a message is called. */
export function sender(m: Pick<Message, "user_id" | "user">): string {
  return nameOf({ userId: m.user_id, ...(m.user ? { user: m.user } : {}) });
}

/** setText changes a text only where it differs: screen readers say what is set. */
export function setText(e: HTMLElement, text: string): void {
  if (e.textContent !== text) e.textContent = text;
}

/** note says something in an element for that; "" hides it. */
export function note(id: string, text: string): void {
  $(id).hidden = text === "";
  setText($(id), text);
}

/**
 * renew has a list show these rows. One that is of the same thing (data-of) and reads as before stays, with its focus.
 */
export function renew(list: HTMLElement, rows: readonly HTMLElement[]): void {
  const key = (row: HTMLElement) => `${row.dataset["of"]}\n${row.textContent}`, old = [...list.children] as HTMLElement[], before = new Map(old.map((row) => [key(row), row]));
  const all = rows.map((row) => before.get(key(row)) ?? row);
  for (const row of old) if (!all.includes(row)) row.remove();
  all.forEach((row, i) => { if (list.children[i] !== row) list.insertBefore(row, list.children[i] ?? null); });
}
