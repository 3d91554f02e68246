// Messages that wait for a moderator: a list above the others, for those who decide.

import type { Held, Moderation } from "../../client/src/index.js";
import { nameOf } from "../../client/src/show/names.js";
import { tame } from "../../client/src/show/tame.js";
import { $, element } from "./dom.js";
import { t, type Text } from "./texts.js";

const verbs = [["approve", "heldApprove"], ["deny", "heldDeny"]] as const;

/** besides is what a message has besides its text, which may be why it is held. */
export function besides(ext: unknown): string {
  return tame(JSON.stringify(ext));
}

/** HeldList shows what waits, the oldest first. Texts of users are text, never HTML. */
export class HeldList {
  private readonly rows = new Map<string, { held: Held; node: HTMLElement }>();

  /** decide carries a verb out, and says how that went. */
  constructor(private readonly decide: (op: Moderation, name: Text) => Promise<void>) {}

  /** take takes news: a message that waits comes to the end, one that does not goes. */
  take(held: Held): void {
    if (held.state !== "waiting") return this.drop(held.held);
    if (!held.message || this.rows.has(held.held)) return;
    const node = this.node(held);
    this.rows.set(held.held, { held, node });
    $("heldRows").append(node);
    this.show();
  }

  /** clear empties the list. */
  clear(): void {
    for (const name of [...this.rows.keys()]) this.drop(name);
  }

  /** tick takes off what waits no longer at this time of the server. */
  tick(now: number): void {
    for (const [name, { held }] of [...this.rows]) if (held.until > 0 && held.until <= now) this.drop(name);
  }

  /** speak shows the texts anew. */
  speak(): void {
    for (const row of this.rows.values()) {
      const node = this.node(row.held);
      row.node.replaceWith(node);
      row.node = node;
    }
    this.show();
  }

  /** drop takes a message off that waits no more. */
  drop(name: string): void {
    const node = this.rows.get(name)?.node;
    if (!node) return;
    const next = (node.nextElementSibling ?? node.previousElementSibling)?.querySelector("button"), focused = node.contains(document.activeElement);
    this.rows.delete(name);
    node.remove();
    this.show();
    if (focused) (next ?? $("log")).focus({ preventScroll: true }); // The focus went with the button.
  }

  private show(): void {
    const n = this.rows.size;
    $("held").hidden = n === 0;
    const text = t(n === 1 ? "heldWait_one" : "heldWait", { n });
    if ($("heldCount").textContent !== text) $("heldCount").textContent = text;
  }

  private node(held: Held): HTMLElement {
    const node = element("li", ""), message = held.message!, text = element("p", ""), tools = element("span", "acts");
    text.dir = "auto";
    text.append(element("b", "", nameOf(message)), " ", element("span", "body", tame(message.body)));
    if (message.ext !== undefined) text.append(" ", element("small", "", besides(message.ext)));
    for (const [verb, name] of verbs) {
      const button = element("button", "text", t(name)) as HTMLButtonElement;
      button.type = "button";
      button.ariaLabel = t("heldAbout", { what: t(name), who: nameOf(message), body: message.body.slice(0, 40) });
      button.onclick = () => void this.decide({ verb, held: held.held }, name);
      tools.append(button);
    }
    node.append(text, tools);
    return node;
  }
}
