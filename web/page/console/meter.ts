// The storm meter: the messages offered to a room each two seconds, and those of them that were stored.

import { number } from "../src/texts.js";
import type { Figures } from "./api.js";
import { $, setText } from "./dom.js";
import { t } from "./texts.js";

const bars = 60; // Two minutes.
const width = 240, height = 34; // Of the drawing.

/** StormMeter draws it. */
export class StormMeter {
  private past: { stored: number; offered: number }[] = [];
  private readonly nodes: SVGRectElement[] = [];

  constructor() {
    const one = $("bars").querySelector("rect")!;
    one.remove();
    for (let i = 0; i < 2 * bars; i++) {
      const bar = one.cloneNode() as SVGRectElement;
      bar.setAttribute("class", i < bars ? "shed" : "stored");
      bar.setAttribute("x", String((i % bars) * (width / bars)));
      bar.setAttribute("width", String(width / bars - 1));
      $("bars").append(bar);
      this.nodes.push(bar);
    }
  }

  /** clear begins anew for another room. */
  clear(): void {
    this.past = [];
    $("meter").hidden = true;
  }

  /** take takes what nodes report, or the rate alone that the stream has. */
  take(figures: Pick<Figures, "wanted" | "shown"> | undefined, rate: number): void {
    const storm = figures !== undefined && figures.wanted > figures.shown;
    this.past.push(storm ? { stored: figures.shown, offered: figures.wanted } : { stored: rate, offered: rate });
    this.past = this.past.slice(-bars);
    this.show();
  }

  /** show draws it, in the language of now. */
  show(): void {
    const now = this.past.at(-1);
    if (!now) return;
    const most = Math.max(1, ...this.past.map(({ offered }) => offered)), from = bars - this.past.length;
    this.past.forEach(({ stored, offered }, i) => {
      this.draw(this.nodes[from + i]!, offered / most);
      this.draw(this.nodes[bars + from + i]!, stored / most);
    });
    for (let i = 0; i < from; i++) for (const bar of [this.nodes[i]!, this.nodes[bars + i]!]) this.draw(bar, 0);
    const tenths = (n: number) => (n < 10 ? Math.round(10 * n) / 10 : Math.round(n)), shed = now.offered - now.stored;
    const text = shed > 0 ? t("meterStorm", { stored: tenths(now.stored), shed: tenths(shed), offered: tenths(now.offered) }) : t("meterCalm", { n: tenths(now.stored) });
    $("meter").hidden = false;
    $("meter").classList.toggle("storm", shed > 0);
    setText($("meterText"), text);
    $("meter").ariaLabel = t("meterWords", { what: text });
  }

  private draw(bar: SVGRectElement, share: number): void {
    const tall = share > 0 ? Math.max(1, share * height) : 0;
    bar.setAttribute("height", String(tall));
    bar.setAttribute("y", String(height - tall));
  }
}

/** short writes a number for a list: 12,345 as 12.3k. */
export function short(n: number): string {
  return n < 10_000 ? number(n) : `${number(Math.round(n / 100) / 10)}k`;
}
