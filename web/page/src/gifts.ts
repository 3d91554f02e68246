// The lane of the gifts, over the stage: each stands there for a while, and none is left out because comments are many.

import type { Message } from "../../client/src/index.js";
import { hueOf, nameOf } from "../../client/src/show/names.js";
import { tame } from "../../client/src/show/tame.js";
import { now } from "./clock.js";
import { element } from "./dom.js";

const places = 3;
const staysMs = 6000; // Long enough to read three of them.
const leastMs = 1500; // While others wait.
const mostWaiting = 50; // Older ones are dropped: the list has them.

interface Given {
  message: Message;
  readonly node: HTMLElement;
  since: number;
  times: number;
}

/** Gifts shows them. The page calls tick some times a second. */
export class Gifts {
  private shown: Given[] = [];
  private waiting: Message[] = [];

  constructor(private readonly place: HTMLElement) {}

  /** add shows a gift as soon as there is a place. The same gift again is counted where it stands. */
  add(message: Message): void {
    const same = this.shown.find((given) => given.message.userId === message.userId && given.message.body === message.body);
    if (same) {
      same.message = message;
      same.since = now();
      same.node.querySelector(".times")!.textContent = ` ×${++same.times}`;
      return;
    }
    this.waiting.push(message);
    if (this.waiting.length > mostWaiting) this.waiting.shift();
    this.tick();
  }

  /** drop takes those away whose messages are gone. */
  drop(gone: (message: Message) => boolean): void {
    this.waiting = this.waiting.filter((message) => !gone(message));
    this.keep((given) => !gone(given.message));
  }

  /** clear takes all away. */
  clear(): void {
    this.drop(() => true);
  }

  /** tick lets those go that have stood for long, and the next ones come. */
  tick(): void {
    const at = now(), stays = this.waiting.length ? leastMs : staysMs;
    this.keep((given) => at - given.since < stays);
    while (this.waiting.length && this.shown.length < places) this.show(this.waiting.shift()!, at);
  }

  private keep(stays: (given: Given) => boolean): void {
    this.shown = this.shown.filter((given) => {
      if (!stays(given)) given.node.remove();
      return given.node.isConnected;
    });
  }

  private show(message: Message, since: number): void {
    const node = element("li", "");
    node.style.setProperty("--hue", String(hueOf(message.userId)));
    node.append(element("b", "", nameOf(message)), " ", element("span", "what", tame(message.body)), element("span", "times"));
    this.place.append(node);
    this.shown.push({ message, node, since, times: 1 });
  }
}
