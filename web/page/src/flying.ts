// How comments fly, as somebody chose: the dialog of it, and what this browser keeps.

import { $ } from "./dom.js";
import { load, save } from "./prefs.js";
import { t } from "./texts.js";

/** Flying is how comments fly, in per cent of how they fly else. */
export interface Flying {
  readonly opacity: number;
  readonly size: number;
  readonly speed: number;
  /** area is the part of the height that they have, from the top. */
  readonly area: number;
}

export const usual: Flying = { opacity: 100, size: 100, speed: 100, area: 100 };

/**
 * ranges are the least and the most of each. These can still be read and caught up with, on a phone and on a large
 * screen.
 */
const ranges: Record<keyof Flying, readonly [least: number, most: number]> = { opacity: [20, 100], size: [60, 180], speed: [50, 200], area: [25, 100] };
const names = Object.keys(ranges) as (keyof Flying)[];

/** readFlying reads what was kept; a value that makes no sense is as usual. */
export function readFlying(text: string): Flying {
  let kept: unknown;
  try {
    kept = JSON.parse(text);
  } catch {
    return usual;
  }
  const of = (name: keyof Flying) => {
    const value = (kept as Partial<Record<keyof Flying, unknown>> | null)?.[name], [least, most] = ranges[name];
    return typeof value === "number" && value >= least && value <= most ? value : usual[name];
  };
  return Object.fromEntries(names.map((name) => [name, of(name)])) as unknown as Flying;
}

/** FlyingSettings is the dialog. */
export class FlyingSettings {
  private readonly dialog = $<HTMLDialogElement>("settings");

  /** changed is called with what holds now, at once and after each change. */
  constructor(private readonly changed: (on: boolean, flying: Flying) => void) {
    $("fly").onclick = () => this.turn(!this.on);
    $("flies").onchange = () => this.turn($<HTMLInputElement>("flies").checked);
    $("tune").onclick = () => this.dialog.showModal();
    for (const name of names) {
      const field = this.field(name);
      [field.min, field.max] = ranges[name].map(String) as [string, string];
      field.oninput = () => this.choose({ ...this.flying, [name]: Number(field.value) });
    }
    $("usual").onclick = () => this.choose(usual);
    this.show();
  }

  /** speak shows the texts anew. */
  speak(): void {
    for (const name of names) {
      const field = this.field(name), said = t("perCent", { n: this.flying[name] });
      field.ariaValueText = said;
      field.parentElement!.querySelector("small")!.textContent = said;
    }
  }

  private get on(): boolean {
    return load("fly") !== "off";
  }

  private get flying(): Flying {
    return readFlying(load("flying"));
  }

  private field(name: keyof Flying): HTMLInputElement {
    return this.dialog.querySelector<HTMLInputElement>(`[name=${name}]`)!;
  }

  private turn(on: boolean): void {
    save("fly", on ? "" : "off");
    this.show();
  }

  private choose(flying: Flying): void {
    save("flying", JSON.stringify(flying));
    this.show();
  }

  private show(): void {
    const { on, flying } = this;
    $("fly").ariaPressed = String(on);
    $<HTMLInputElement>("flies").checked = on;
    for (const name of names) {
      this.field(name).value = String(flying[name]);
      this.field(name).disabled = !on;
    }
    this.speak();
    this.changed(on, flying);
  }
}
