// The row of the gifts, over the stage. A gift stands there 25 s after it came at the latest, however many come. Of
// more than may wait the oldest is left out, and counted.

import type { Message } from "../../client/src/index.js";
import { hueOf, nameOf } from "../../client/src/show/names.js";
import { tame } from "../../client/src/show/tame.js";
import { now } from "./clock.js";
import { element } from "./dom.js";
import { t } from "./texts.js";

const staysMs = 6000; // Long enough to read three of them.
const leastMs = 1400; // While others wait: a turn of 1.5 s, by ticks 250 ms apart that come a little early or late.
const turns = 16; // That a gift waits at most: 24 s. Older ones are left out: the list has them.

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
  private readonly narrow = matchMedia("(max-width: 760px)"); // As page.css has it.

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
    if (this.waiting.length > turns * this.places) this.left += this.waiting.shift()!.times;
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
    const at = now(), { places } = this;
    this.keep(({ again }) => at - again < staysMs);
    // As many make room, the oldest first: one that comes again and again keeps no place.
    let over = this.shown.length + this.waiting.length - places;
    this.keep(({ since }) => at - since < leastMs || --over < 0);
    while (this.waiting.length && this.shown.length < places) this.show(this.waiting.shift()!, at);
    if (!this.waiting.length) this.left = 0;
    this.rest.textContent = t(this.left === 1 ? "giftsLeft_one" : "giftsLeft", { n: this.left });
    if (!this.left) this.rest.remove();
    else if (!this.rest.isConnected) this.place.append(this.rest); // Again would begin its animation anew.
  }

  /** places are how many stand at once. */
  private get places(): number {
    return this.narrow.matches ? 2 : 3;
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
    this.place.insertBefore(node, this.rest.isConnected ? this.rest : null);
    const given = { message, times, node, since, again: since };
    count(given);
    this.shown.push(given);
  }
}

function count({ node, times }: Given): void {
  if (times > 1) node.querySelector(".times")!.textContent = ` ×${times}`;
}
