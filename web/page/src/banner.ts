// The banner above the list: the pinned message, and the room's newest announcement for a while.

import type { Message } from "../../client/src/index.js";
import { nameOf } from "../../client/src/show/names.js";
import { tame } from "../../client/src/show/tame.js";
import { $ } from "./dom.js";

const saidMs = 60_000; // An announcement stays so long; it stands in the list too.

/** Banner shows them. Texts of users are text, never HTML. */
export class Banner {
  private said: Message | undefined;
  private saidAt = 0;

  constructor() {
    $("saidClose").onclick = () => {
      this.hear(undefined);
      $("log").focus({ preventScroll: true }); // The focus went with the button.
    };
  }

  /** pin shows the pinned message; undefined is none. */
  pin(message: Message | undefined): void {
    const focused = $("pinned").contains(document.activeElement);
    $("pinned").hidden = !message;
    $("pinnedWho").textContent = message?.userId ? nameOf(message) : "";
    $("pinnedText").textContent = tame(message?.body ?? "");
    if (focused && !message) $("log").focus({ preventScroll: true });
  }

  /** hear shows an announcement; undefined takes it off. */
  hear(message: Message | undefined): void {
    this.said = message;
    this.saidAt = performance.now();
    $("said").hidden = !message;
    $("saidText").textContent = tame(message?.body ?? "");
  }

  /** drop takes the announcement off if it is gone. */
  drop(gone: (message: Message) => boolean): void {
    if (this.said && gone(this.said)) this.hear(undefined);
  }

  /** tick takes the announcement off when it is old, but not from a user who is at it. */
  tick(): void {
    if (this.said && performance.now() - this.saidAt > saidMs && !$("said").matches(":hover, :focus-within")) this.hear(undefined);
  }
}
