// The chat, as a screen reader speaks it.

import { tame } from "../../client/src/show/tame.js";
import { t } from "./texts.js";

const every = 4000; // ms between two announcements: a sentence takes about that long to speak.

/** Announcer announces new messages to a screen reader, politely: one by one in a calm room, counted in a busy one. */
export class Announcer {
  private count = 0;
  private who = "";
  private body = "";
  private called = false;
  private timer = 0;

  constructor(private readonly region: HTMLElement) {}

  /** heard takes each live message of others; of many the last is announced, or the last that calls the user. */
  heard(who: string, body: string, called = false): void {
    this.count++;
    if (called || !this.called) [this.who, this.body] = [who, tame(body.slice(0, 200))];
    this.called ||= called;
    if (!this.timer) this.tell();
  }

  private tell(): void {
    this.timer = 0;
    if (!this.count) return;
    const { who, body } = this;
    this.region.textContent = this.count === 1 ? `${who}: ${body}` : t("heard", { n: this.count, who, body });
    this.count = 0;
    this.called = false;
    this.timer = setTimeout(() => this.tell(), every) as unknown as number;
  }
}
