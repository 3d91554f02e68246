// barrage-client/overlay: the comments of a room over a picture. They fly, or stand in a list, and nobody can click on
// them. The names of its classes and its custom properties (--barrage-…) stay as they are: people's styles use them.

import { invalid, shown } from "./check.js";
import { realNow } from "./env.js";
import { clearedOf, means } from "./recalls.js";
import type { Room } from "./room.js";
import { Emotes } from "./show/emotes.js";
import { hueOf, nameOf } from "./show/names.js";
import { Budget } from "./show/pace.js";
import { Sky } from "./show/sky.js";
import { tame } from "./show/tame.js";
import { isPurged } from "./stream.js";
import type { Message } from "./types.js";

/** OverlayOptions say how comments are shown. */
export interface OverlayOptions {
  /**
   * look: comments fly, stand in a list of the newest, or both. Default "fly"; a list for people who want nothing to
   * move.
   */
  look?: "fly" | "list" | "both";
  /** lines is how many the list has at most, 1 to 100. Default 8. */
  lines?: number;
  /** fadeMs is how long a line stays; 0 for as long as there is room. Default 0. */
  fadeMs?: number;
  /** area is the part of the height in which comments fly, from the top, 0.1 to 1. Default 1. */
  area?: number;
  /** size is that of letters, where the room is calm, in px, 8 to 200. Default that of --barrage-size, or 22. */
  size?: number;
  /** font is a list of fonts, as CSS has it. Default that of --barrage-font. */
  font?: string;
  /** accent is the colour of names, as CSS has it. Default that of --barrage-accent, or one for each user. */
  accent?: string;
  /** hide leaves a message out; default none. */
  hide?: (message: Message) => boolean;
}

/**
 * Shown is the part of a Room that an overlay shows. It has a date, in ms since 1970, where its time is another one
 * than now; all stands still with it. Without url, the address of a node, there are no emotes.
 */
export type Shown = Pick<Room, "on" | "epoch"> & Partial<Pick<Room, "url">> & { readonly date?: number };

const rowsPerSecond = 30; // Nobody reads faster.
const calmSize = 22; // px, of the Sky.
const lookMs = 1000; // How often styles are looked at, which may come late, or change.
const outMs = 600; // The end of a line's fading, see overlayStyle.
// After which a date that stays the same stands still: some browsers report where a video is a few times a second.
const stillMs = 200;

/** overlayStyle is the style sheet of overlays, which they bring along where their document or shadow root has none. */
export const overlayStyle = `
.barrage { position: absolute; inset: 0; overflow: hidden; pointer-events: none; color: var(--barrage-color, #fff); font: var(--barrage-weight, 600) var(--barrage-size, 22px)/1.35 var(--barrage-font, system-ui, sans-serif); text-shadow: var(--barrage-shadow, 0 1px 3px rgb(0 0 0 / .85), 0 0 2px rgb(0 0 0 / .85)); }
.barrage-sky { position: absolute; inset: 0 0 auto; width: 100%; height: calc(100% * var(--barrage-area, 1)); }
.barrage-list { position: absolute; inset: auto 0 0; display: grid; gap: var(--barrage-gap, .15em); margin: 0; padding: var(--barrage-padding, .6em); list-style: none; }
.barrage-row { overflow-wrap: anywhere; overflow: clip; overflow-clip-margin: .2em; }
.barrage-name { margin-inline-end: .45em; color: var(--barrage-accent, oklch(.86 .12 var(--barrage-hue))); unicode-bidi: isolate; }
.barrage-text { unicode-bidi: isolate; font-weight: var(--barrage-text-weight, 500); }
.barrage-emote { height: 1.4em; max-width: 4.2em; vertical-align: middle; object-fit: contain; }
.barrage-said { color: var(--barrage-accent, #ffe9a8); }
.barrage-fades .barrage-row { animation: barrage-out ${outMs}ms var(--barrage-fade) both; }
.barrage-stands .barrage-row { animation-play-state: paused; }
@keyframes barrage-out { to { opacity: 0; } }
@media (prefers-reduced-motion: reduce) { .barrage-sky { display: none; } }
`;

interface Line {
  readonly message: Message;
  readonly epoch: string;
  readonly node: HTMLElement;
  endsAt: number; // by the time of frames; Infinity for no end
}

/** Overlay shows the messages of a room. It draws once a frame, and leaves out what nobody could read. */
export class Overlay {
  readonly #root: HTMLElement;
  readonly #sky: Sky | undefined;
  readonly #list: HTMLElement | undefined;
  readonly #lines: number;
  readonly #fadeMs: number;
  readonly #hide: (message: Message) => boolean;
  readonly #budget = new Budget(rowsPerSecond, 2 * rowsPerSecond);
  readonly #resizes: ResizeObserver | undefined;
  #shown: Line[] = [];
  #coming: Line[] = [];
  #offs: (() => void)[] = [];
  #epoch = () => "";
  #date = (): number | undefined => undefined;
  #ahead = Date.now() - realNow(); // The clock of the server, by what came last; before that this device's.
  #last: { date: number | undefined; since: number; drawn: number } = { date: undefined, since: 0, drawn: 0 };
  #emotes = new Emotes("", () => {});
  #frame = 0;
  #lookedAt = -lookMs;
  #dressed = false;

  /**
   * An Overlay fills place, which is positioned. It throws a BarrageError with code "invalid" for what makes no sense.
   */
  constructor(place: HTMLElement | ShadowRoot, options: OverlayOptions = {}) {
    if (typeof place?.append !== "function") throw invalid(`cannot make an overlay: its place is ${shown(place)}, want an element or a shadow root`);
    if (typeof options !== "object" || options === null) throw invalid(`cannot make an overlay: the options are no object but ${shown(options)}`);
    const { look = "fly", lines = 8, fadeMs = 0, area = 1, size, font, accent, hide = () => false } = options;
    if (!["fly", "list", "both"].includes(look)) throw invalid(`cannot make an overlay: look is ${shown(look)}, want fly, list or both`);
    within("lines", lines, 1, 100);
    within("fadeMs", fadeMs, 0, 3_600_000);
    within("area", area, 0.1, 1);
    if (size !== undefined) within("size", size, 8, 200);
    if (typeof hide !== "function") throw invalid(`cannot make an overlay: hide is no function but ${shown(hide)}`);
    this.#lines = Math.floor(lines);
    this.#fadeMs = fadeMs;
    this.#hide = hide;
    const root = (this.#root = make("div", `barrage${fadeMs > 0 ? " barrage-fades" : ""}`));
    const styles = { size: size && `${size}px`, font, accent, fade: `${fadeMs}ms`, area: options.area && String(area) };
    // Else a style sheet of others may.
    for (const [name, value] of Object.entries(styles)) if (value) root.style.setProperty(`--barrage-${name}`, value);
    if (look !== "list") {
      const canvas = make("canvas", "barrage-sky") as HTMLCanvasElement;
      canvas.ariaHidden = "true";
      root.append(canvas);
      const sky = (this.#sky = new Sky(canvas));
      this.#resizes = new ResizeObserver(() => sky.resize());
      this.#resizes.observe(canvas);
    }
    // Messages that would fly are read in a list.
    const still = globalThis.matchMedia?.("(prefers-reduced-motion: reduce)").matches;
    if (look !== "fly" || still) root.append((this.#list = make("ol", "barrage-list")));
    place.append(root);
    this.#frame = requestAnimationFrame((now) => this.#draw(now));
  }

  /** show shows the messages of this room from now on, and no other one's any more. */
  show(room: Shown): void {
    if (typeof room?.on !== "function") throw invalid(`cannot show a room: it is ${shown(room)}, want a Room or a Replay`);
    this.clear();
    this.#epoch = () => room.epoch;
    this.#date = () => room.date;
    this.#emotes = new Emotes(room.url ?? "", () => {
      for (const { node, message } of [...this.#shown, ...this.#coming]) this.#say(node.lastChild as HTMLElement, message);
    });
    if (this.#sky) this.#sky.pictures = this.#emotes;
    const drop = (gone: (message: Message, epoch: string) => boolean) => this.#drop(gone);
    this.#offs = [
      room.on("message", (message, { history }) => {
        if (!history) this.#ahead = message.ts - realNow();
        this.#add(message, room.epoch, history, room.date ?? realNow() + this.#ahead);
      }),
      room.on("recalled", (recalled) => drop((m, epoch) => means(recalled, m, epoch === room.epoch))),
      room.on("purged", (purged) => drop((m) => isPurged(m, purged))),
      room.on("cleared", (cleared) => {
        const lines = [...this.#shown, ...this.#coming], gone = new Set(lines.slice(0, clearedOf(lines, cleared)).map(({ message }) => message));
        drop((m) => gone.has(m));
        this.#sky?.clear(); // Comments that fly are of the last seconds.
      }),
    ];
  }

  /** clear takes all off, and receives no more. */
  clear(): void {
    for (const off of this.#offs.splice(0)) off();
    this.#drop(() => true);
    this.#sky?.clear();
  }

  /** close takes the overlay away. */
  close(): void {
    this.clear();
    cancelAnimationFrame(this.#frame);
    this.#resizes?.disconnect();
    this.#root.remove();
  }

  #add(message: Message, epoch: string, history: boolean, date: number): void {
    if (message.recalled || this.#hide(message)) return;
    const said = message.kind === "system", now = performance.now(), age = history ? Math.max(0, date - message.ts) : 0;
    if (this.#list && (this.#fadeMs === 0 || age < this.#fadeMs) && (said || history || this.#budget.take(now))) {
      this.#coming.push({ message, epoch, node: this.#node(message, age), endsAt: this.#fadeMs > 0 ? now + this.#fadeMs - age + outMs : Infinity });
      if (this.#coming.length > 2 * this.#lines) this.#coming = this.#coming.slice(-this.#lines);
    }
    if (history || document.hidden) return;
    const gift = message.kind === "gift";
    this.#sky?.add({ message, text: message.body, ...(gift ? { who: nameOf(message) } : {}), look: gift || said ? "gift" : "plain", hue: hueOf(message.userId) });
  }

  #node(message: Message, age: number): HTMLElement {
    const said = message.kind === "system", row = make("li", `barrage-row barrage-kind-${word(message.kind)}${said ? " barrage-said" : ""}`), role = message.user?.["role"];
    if (typeof role === "string" && role) row.classList.add(`barrage-role-${word(role)}`);
    row.style.setProperty("--barrage-hue", String(hueOf(message.userId)));
    if (age > 0) row.style.animationDelay = `${this.#fadeMs - age}ms`;
    row.part.add("row");
    if (!said) row.append(make("b", "barrage-name", nameOf(message)), " ");
    const text = make("span", "barrage-text");
    text.dir = "auto";
    this.#say(text, message);
    row.append(text);
    return row;
  }

  /** #say writes what a message says, with its emotes. */
  #say(place: HTMLElement, { body }: Message): void {
    const text = tame(body);
    let at = 0;
    place.textContent = "";
    for (const [from, to, name] of this.#emotes.in(text)) {
      place.append(text.slice(at, from), this.#emotes.image(name, "barrage-emote"));
      at = to;
    }
    place.append(text.slice(at));
  }

  #drop(gone: (message: Message, epoch: string) => boolean): void {
    const stays = ({ message, epoch, node }: Line) => {
      if (!gone(message, epoch)) return true;
      node.remove();
      return false;
    };
    this.#shown = this.#shown.filter(stays);
    this.#coming = this.#coming.filter(stays);
    this.#sky?.drop((message) => gone(message, this.#epoch())); // Comments that fly are of the last seconds.
  }

  /** #dress brings the style sheet where there is none, in a layer: the styles of the page come before. */
  #dress(): void {
    this.#dressed = this.#root.isConnected;
    if (!this.#dressed || getComputedStyle(this.#root).position !== "static") return;
    const root = this.#root.getRootNode() as Document | ShadowRoot, sheet = new CSSStyleSheet();
    sheet.replaceSync(`@layer barrage { ${overlayStyle} }`);
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
  }

  /** #fly draws the sky, whose letters are those of the list. */
  #fly(sky: Sky, now: number): void {
    if (now - this.#lookedAt >= lookMs) {
      const { fontFamily, fontSize } = getComputedStyle(this.#root);
      sky.look = { family: fontFamily, times: parseFloat(fontSize) / calmSize, speed: 1 };
      this.#lookedAt = now;
    }
    sky.draw(now);
  }

  /** #stand has all stay as it is while the date stands still, as that of a Replay whose video does. */
  #stand(now: number): void {
    const last = this.#last, date = this.#date(), passed = now - last.drawn;
    last.drawn = now;
    if (date !== last.date) Object.assign(last, { date, since: now });
    const stands = date !== undefined && now - last.since > stillMs;
    this.#root.classList.toggle("barrage-stands", stands);
    if (!stands) return;
    this.#sky?.stand(passed);
    for (const line of [...this.#shown, ...this.#coming]) line.endsAt += passed;
  }

  #draw(now: number): void {
    this.#frame = requestAnimationFrame((next) => this.#draw(next));
    if (!this.#dressed) this.#dress();
    this.#stand(now);
    if (this.#sky) this.#fly(this.#sky, now);
    if (!this.#list) return;
    const over = this.#shown.length > 0 && this.#shown[0]!.endsAt <= now;
    if (this.#coming.length === 0 && !over) return;
    const all = [...this.#shown, ...this.#coming.splice(0)], kept = all.filter(({ endsAt }) => endsAt > now).slice(-this.#lines);
    for (const line of all) if (!kept.includes(line)) line.node.remove();
    for (const { node } of kept) if (!node.isConnected) this.#list.append(node);
    this.#shown = kept;
  }
}

function within(name: string, value: unknown, least: number, most: number): void {
  if (!(typeof value === "number" && value >= least && value <= most)) throw invalid(`cannot make an overlay: ${name} is ${shown(value)}, want ${least} to ${most}`);
}

/** word is what may stand in the name of a class. */
function word(text: string): string {
  return text.replace(/[^\w-]/g, "_").slice(0, 32);
}

function make(tag: string, className: string, text = ""): HTMLElement {
  const e = document.createElement(tag);
  e.className = className;
  if (text) {
    e.dir = "auto";
    e.textContent = text;
  }
  return e;
}
