// Small words for the page's elements.

import { spoken } from "./texts.js";

/** $ is the element with this id; the page has it. */
export function $<E extends HTMLElement = HTMLElement>(id: string): E {
  return document.getElementById(id) as E;
}

/** element makes one. Texts of users go in as text, never as HTML, and run in their own direction. */
export function element(tag: string, className = "", text = ""): HTMLElement {
  const e = document.createElement(tag);
  e.className = className;
  if (text) {
    e.dir = "auto";
    e.textContent = text;
  }
  return e;
}

const letters = new Intl.Segmenter(); // A letter may be several code points: emoji, accents.

/** initial is the first letter of a name. */
export function initial(name: string): string {
  return letters.segment(name).containing(0)?.segment.toUpperCase() ?? "";
}

const clocks = new Map<string, Intl.DateTimeFormat>();

function format(name: string, options: Intl.DateTimeFormatOptions, ts: number): string {
  const key = `${spoken()} ${name}`;
  if (!clocks.has(key)) clocks.set(key, new Intl.DateTimeFormat(spoken() === "zh" ? "zh-CN" : "en", { hourCycle: "h23", ...options }));
  return clocks.get(key)!.format(ts);
}

/** time is the time of day. */
export function time(ts: number): string {
  return format("time", { hour: "2-digit", minute: "2-digit" }, ts);
}

/** fullTime is date and time in full. */
export function fullTime(ts: number): string {
  return format("full", { dateStyle: "medium", timeStyle: "medium" }, ts);
}
