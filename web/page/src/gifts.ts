// The lane of the gifts, over the stage. A gift stands there 25 s after it came at the latest, however many come: of
// more than may wait the oldest is left out, and counted.

import type { Message } from "../../client/src/index.js";
import { hueOf, nameOf } from "../../client/src/show/names.js";
import { tame } from "../../client/src/show/tame.js";
import { now } from "./clock.js";
import { element } from "./dom.js";
import { t } from "./texts.js";

const places = 3;
const staysMs = 6000; // Long enough to read three of them.
const leastMs = 1500; // While others wait.
const mostWaiting = 50; // 25 s, with three places of 1.5 s each. Older ones are left out: the list has them.

/** Gift is one, or the same one several times. */
interface Gift {
  message: Message;
  times: number;
}

/** Given is a gift that has a place: since it came there, and again, the last of the same. */
interface Given extends Gift {
  readonly node: HTMLElement;
  readonly since: number;
  again: number;
}

/** Gifts shows them. The page calls tick some times a second. */
export class Gifts {
  private shown: Given[] = [];
  private waiting: Gift[] = [];
  private left = 0; // Out, since gifts began to wait.
  private readonly rest = element("li", "rest");

  constructor(private readonly place: HTMLElement) {}

  /** add shows a gift as soon as there is a place. The same gift again is counted where it stands. */
  add(message: Message): void {
    const isSame = (gift: Gift) => gift.message.userId === message.userId && gift.message.body === message.body;
    const given = this.shown.find(isSame), same = given ?? this.waiting.find(isSame);
    if (same) {
      same.message = message;
      same.times++;
    } else this.waiting.push({ message, times: 1 });
    if (given) {
      given.again = now();
      count(given);
    }
    if (this.waiting.length > mostWaiting) this.left += this.waiting.shift()!.times;
    this.tick();
  }

  /** drop takes those away whose messages are gone. */
  drop(gone: (message: Message) => boolean): void {
    this.waiting = this.waiting.filter(({ message }) => !gone(message));
    this.keep((given) => !gone(given.message));
  }

  /** clear takes all away. */
  clear(): void {
    this.drop(() => true);
  }

  /** tick lets those go that have stood for long, and the next ones come. */
  tick(): void {
    const at = now(), waits = this.waiting.length > 0; // Then one that comes again and again keeps no place.
    this.keep(({ since, again }) => waits ? at - since < leastMs : at - again < staysMs);
    while (this.waiting.length && this.shown.length < places) this.show(this.waiting.shift()!, at);
    if (!this.waiting.length) this.left = 0;
    this.rest.textContent = t(this.left === 1 ? "giftsLeft_one" : "giftsLeft", { n: this.left });
    if (this.left) this.place.append(this.rest);
    else this.rest.remove();
  }

  private keep(stays: (given: Given) => boolean): void {
    this.shown = this.shown.filter((given) => {
      if (!stays(given)) given.node.remove();
      return given.node.isConnected;
    });
  }

  private show({ message, times }: Gift, since: number): void {
    const node = element("li", "");
    node.style.setProperty("--hue", String(hueOf(message.userId)));
    node.append(element("b", "", nameOf(message)), " ", element("span", "what", tame(message.body)), element("span", "times"));
    this.place.append(node);
    const given = { message, times, node, since, again: since };
    count(given);
    this.shown.push(given);
  }
}

function count({ node, times }: Given): void {
  if (times > 1) node.querySelector(".times")!.textContent = ` ×${times}`;
}
