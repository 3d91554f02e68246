// The tools of moderators: a bar for the room, a menu for each message.

import type { Message, Moderation, Modes } from "../../client/src/index.js";
import { nameOf } from "../../client/src/show/names.js";
import { tame } from "../../client/src/show/tame.js";
import { actsOn } from "./acts.js";
import { $, element } from "./dom.js";
import { t, type Text } from "./texts.js";

const slowSteps = [0, 5, 10, 30, 60]; // Seconds of slow mode that are offered.

/** DeskHost carries out what is asked for, and says how that went. */
export type DeskHost = (op: Moderation, name: Text) => Promise<void>;

/** Desk is the bar, and the dialogs of its buttons and of the messages. */
export class Desk {
  private readonly slow = $<HTMLSelectElement>("slow");
  private readonly acts = $<HTMLDialogElement>("acts");
  private readonly ask = $<HTMLDialogElement>("ask");
  private modes: Pick<Modes, "frozen" | "slowMs"> = { frozen: false, slowMs: 0 };
  private yes = () => {};

  constructor(private readonly host: DeskHost) {
    $("freeze").onclick = () => void host({ verb: "modes", modes: { frozen: !this.modes.frozen } }, this.modes.frozen ? "unfreeze" : "freeze");
    this.slow.onchange = async () => {
      await host({ verb: "modes", modes: { slowMs: Number(this.slow.value) * 1000 } }, "slow");
      this.showSlow(); // A refused change has no effect.
    };
    $("unpin").onclick = () => void host({ verb: "unpin" }, "unpin");
    $("announce").onclick = () => this.question("announceTitle", "announce", true, (body) => { if (body) void host({ verb: "announce", body }, "announce"); });
    $("clear").onclick = () => this.question("clearTitle", "clear", false, () => void host({ verb: "clear" }, "clear"));
    this.ask.querySelector("form")!.onsubmit = () => this.yes();
    this.acts.querySelector("form")!.onsubmit = (e) => e.preventDefault(); // Enter in the field chooses nothing.
    for (const dialog of [this.acts, this.ask]) dialog.querySelector<HTMLElement>(".cancel")!.onclick = () => dialog.close();
  }

  /** show shows the bar to who may use it; else it is gone, with what was open. */
  show(may: boolean): void {
    $("desk").hidden = $("unpin").hidden = !may;
    if (may) return;
    this.acts.close();
    this.ask.close();
  }

  /** set shows the rules of now. */
  set(modes: Pick<Modes, "frozen" | "slowMs">): void {
    this.modes = modes;
    $("freeze").ariaPressed = String(modes.frozen);
    this.showSlow();
  }

  /** speak shows the texts anew. */
  speak(): void {
    this.set(this.modes);
  }

  /** about opens the menu of a message. */
  about(message: Message, epoch: string, me: string): void {
    const list = $("actsList"), reason = this.acts.querySelector("input")!;
    $("actsTitle").textContent = message.userId ? nameOf(message) : t("roomSays");
    $("actsBody").textContent = tame(message.body);
    reason.value = "";
    list.replaceChildren(...actsOn(message, epoch, me).map(({ name, op }) => {
      const button = element("button", "plain") as HTMLButtonElement;
      button.type = "button";
      button.textContent = t(name);
      button.onclick = () => {
        this.acts.close();
        void this.host({ ...op, ...(reason.value.trim() ? { reason: reason.value.trim() } : {}) }, name);
      };
      return button;
    }));
    this.acts.showModal();
    list.querySelector("button")?.focus();
  }

  private question(title: Text, yes: Text, field: boolean, then: (body: string) => void): void {
    const input = this.ask.querySelector("input")!;
    $("askTitle").textContent = t(title);
    $("askYes").textContent = t(yes);
    $("askField").hidden = !field;
    input.value = "";
    this.yes = () => then(input.value.trim());
    this.ask.showModal();
    // Enter must not clear a room by mistake.
    (field ? input : this.ask.querySelector<HTMLElement>(".cancel")!).focus();
  }

  private showSlow(): void {
    const now = Math.ceil(this.modes.slowMs / 1000), steps = [...new Set([...slowSteps, now])].sort((a, b) => a - b);
    this.slow.replaceChildren(...steps.map((n) => new Option(n ? t("seconds", { n }) : t("off"), String(n), false, n === now)));
  }
}
