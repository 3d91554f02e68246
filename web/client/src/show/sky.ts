// The comments that fly over the stage: one canvas, each comment painted once and then moved.

import type { Message } from "../types.js";
import { type Flight, Tracks, leftOf } from "./tracks.js";
import { Meter } from "./pace.js";
import { isolated } from "./tame.js";

/** Comment is what flies. */
export interface Comment {
  readonly message: Message;
  readonly text: string;
  /** who is the name before the text of a gift. */
  readonly who?: string;
  /** look: one's own is framed and never left out; gifts are golden. */
  readonly look: "plain" | "mine" | "gift";
  /** hue in degrees gives a plain one its tint. */
  readonly hue: number;
}

interface Waiting {
  comment: Comment;
  since: number;
}

interface Flyer {
  comment: Comment;
  flight: Flight;
  sprite: HTMLCanvasElement;
}

/** Density is how the sky is filled: the busier the room, the smaller and the faster. */
interface Density {
  readonly font: number;
  readonly track: number;
  /** speed is that of the sky's clock, by which all fly. */
  readonly speed: number;
}

const densities: readonly Density[] = [
  { font: 22, track: 36, speed: 1 },
  { font: 18, track: 28, speed: 1.35 },
  { font: 15, track: 20, speed: 1.8 },
  { font: 15, track: 20, speed: 2.6 },
];

/** SkyLook is how comments look, beside what each one is. */
export interface SkyLook {
  /** family is a list of fonts, as CSS has it. */
  readonly family: string;
  /** times makes all of them larger or smaller; 1 is 15 to 22 px. */
  readonly times: number;
  /** speed makes all of them faster or slower; 1 is 5 to 8 s to cross a calm room. */
  readonly speed: number;
}

/** Pictures are what is drawn in place of parts of a text. */
export interface Pictures {
  /** in are the places of pictures in a text. */
  in(text: string): [from: number, to: number, name: string][];
  /** of is the picture of a name; undefined where it is not there yet: then the text is. */
  of(name: string): HTMLImageElement | undefined;
}

/** Part is some text, or a picture. */
type Part = string | HTMLImageElement;

const pictureEms = 1.4; // How high a picture is.
const widest = 3; // Times as wide a picture may be; wider ones are less high.

const gap = 12; // px between two comments of a track.
const maxLetters = 60; // Longer ones are cut: they would own their track for long.
const maxWaiting = 120; // Comments that wait for a track.
const patience = 900; // ms that a comment waits: later it would be old news.
const ownPatience = 8000; // One's own waits longer: its author looks for it.
const inertia = 250; // ms in which the sky comes two thirds nearer to the speed that it should have.

/** Sky draws comments on its canvas. Only call it from animation frames and events. */
export class Sky {
  private readonly tracks = new Tracks(gap);
  private readonly context: CanvasRenderingContext2D;
  private flyers: Flyer[] = [];
  private waiting: Waiting[] = [];
  private spare: HTMLCanvasElement[] = []; // Canvases of comments that are gone, to be painted again.
  private width = 0;
  private height = 0;
  private scale = 1;
  private ems = 6; // How wide comments are, in font sizes, on average.
  private blank = true;
  private stood = 0; // ms for which all stood still; no time of a comment counts them.
  // Flights go by a clock of the sky, which runs the faster the busier the room is. With a speed of its own a comment
  // of a storm could not follow one of before for 2 s. It would have flown into it.
  private clock = 0;
  private pace = 1;
  private drawn = 0; // When that was true, without the ms that all stood still.

  /** offered and shown are the comments that came, and those of them that fly. */
  readonly offered = new Meter();
  readonly shown = new Meter();
  /** pictures are drawn in comments; undefined is none. */
  pictures: Pictures | undefined;
  /** look is that of comments that begin to fly; its speed is everybody's. */
  look: SkyLook = { family: "sans-serif", times: 1, speed: 1 };

  constructor(private readonly canvas: HTMLCanvasElement) {
    this.context = canvas.getContext("2d")!;
  }

  /** resize fits the sky to its element. */
  resize(): void {
    const { clientWidth, clientHeight } = this.canvas;
    this.scale = Math.min(2, devicePixelRatio || 1);
    this.width = clientWidth;
    this.height = clientHeight;
    this.canvas.width = Math.round(clientWidth * this.scale);
    this.canvas.height = Math.round(clientHeight * this.scale);
    this.tracks.resize(clientWidth, clientHeight - 8);
  }

  /** add lets a comment fly as soon as there is a track; when too many wait, the oldest do not. */
  add(comment: Comment): void {
    this.offered.add();
    this.waiting.push({ comment, since: performance.now() - this.stood });
    if (this.waiting.length <= maxWaiting) return;
    const i = this.waiting.findIndex((w) => w.comment.look !== "mine");
    this.waiting.splice(Math.max(0, i), 1);
  }

  /** drop takes comments off whose messages are gone. */
  drop(gone: (message: Message) => boolean): void {
    this.waiting = this.waiting.filter((w) => !gone(w.comment.message));
    for (const flyer of this.flyers) if (gone(flyer.comment.message)) flyer.sprite.width = 1;
  }

  /** clear takes all off. */
  clear(): void {
    this.waiting = [];
    this.flyers = [];
    this.tracks.clear();
  }

  /** stand has everything stay where it is for the ms that have passed since the last drawing. */
  stand(ms: number): void {
    this.stood += ms;
  }

  /** draw moves everything to where it is at a time of performance.now(). */
  draw(at: number): void {
    const now = at - this.stood, density = this.density(now), passed = Math.max(0, now - this.drawn);
    this.pace += (density.speed - this.pace) * (1 - Math.exp(-passed / inertia));
    this.clock += passed * this.pace;
    this.drawn = now;
    this.launch(now, density);
    const { context, scale } = this;
    if (!this.blank) context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.blank = this.flyers.length === 0;
    let kept = 0;
    for (const flyer of this.flyers) {
      const left = leftOf(flyer.flight, this.clock);
      if (left + flyer.flight.width < 0) {
        if (this.spare.length < 64) this.spare.push(flyer.sprite);
        continue;
      }
      this.flyers[kept++] = flyer;
      if (left < this.width) context.drawImage(flyer.sprite, left * scale, flyer.flight.top * scale + 4 * scale);
    }
    this.flyers.length = kept;
  }

  /** launch gives tracks to those who wait, a few per frame: a batch must not fly as a column. */
  private launch(now: number, density: Density): void {
    this.waiting = this.waiting.filter((w) => now - w.since < (w.comment.look === "mine" ? ownPatience : patience));
    if (!this.waiting.length || !this.width) return;
    // A short one may fit where a long one does not.
    let starts = Math.max(2, Math.ceil(this.waiting.length / 6)), tries = 4;
    const own = (w: Waiting) => Number(w.comment.look === "mine");
    const queue = this.waiting.sort((a, b) => own(b) - own(a));
    this.waiting = [];
    for (const w of queue) {
      const flies = starts > 0 && tries > 0 && this.fly(w.comment, density);
      if (flies) starts--;
      else {
        tries--;
        this.waiting.push(w);
      }
    }
  }

  /** base is the speed of a calm room, in px per ms of the sky's clock. It crosses a phone in 5 s, a desktop in 8. */
  private get base(): number {
    return 0.05 + this.width / 12_000;
  }

  private fly(comment: Comment, { font, track }: Density): boolean {
    const parts = this.partsOf(lineOf(comment));
    this.context.font = `600 ${font}px ${this.look.family}`;
    const width = Math.ceil(parts.reduce((sum, part) => sum + this.widthOf(part, font), 0)) + padding(comment, font) * 2;
    const longer = 1 + 0.3 * Math.min(1, width / this.width); // A long one would stay for too long.
    const flight = this.tracks.place({ width, height: track }, this.base * longer, this.clock, Math.random() * 60);
    if (!flight) return false;
    this.ems += (width / font - this.ems) * 0.02;
    this.shown.add();
    this.flyers.push({ comment, flight, sprite: this.paint(comment, parts, font, flight) });
    return true;
  }

  /** density is the loosest that has room for what comes. */
  private density(now: number): Density {
    // Comments that wait are to fly while they are patient: the meter needs a second to see that a storm has begun.
    const perSecond = Math.max(this.offered.perSecond(now), this.waiting.length * 1000 / patience), { times, speed: faster } = this.look;
    const all = densities.map(({ font, track, speed }) => ({ font: font * times, track: track * times, speed: speed * faster }));
    const fits = all.find(({ font, track, speed }) => {
      const each = (this.ems * font + gap) / (this.base * speed * 1000); // Seconds that one blocks its track.
      return perSecond < 0.75 * Math.floor(this.height / track) / each;
    });
    return fits ?? all[all.length - 1]!;
  }

  /** partsOf is what a line is drawn of. One that runs from right to left, or has no pictures, is one text. */
  private partsOf(line: string): Part[] {
    const found = this.pictures?.in(line) ?? [], parts: Part[] = [];
    if (!found.length || isolated(line) !== line) return [line];
    let at = 0;
    for (const [from, to, name] of found) {
      const picture = this.pictures!.of(name);
      if (!picture) continue;
      parts.push(line.slice(at, from), picture);
      at = to;
    }
    return [...parts, line.slice(at)].filter((part) => part !== "");
  }

  private widthOf(part: Part, font: number): number {
    return typeof part === "string" ? this.context.measureText(part).width : pictureEms * font * Math.min(widest, part.naturalWidth / part.naturalHeight);
  }

  private paint(comment: Comment, parts: Part[], font: number, { width, height }: Flight): HTMLCanvasElement {
    const sprite = this.spare.pop() ?? document.createElement("canvas"), c = sprite.getContext("2d")!;
    sprite.width = Math.ceil(width * this.scale); // Also wipes it.
    sprite.height = Math.ceil(height * this.scale);
    c.scale(this.scale, this.scale);
    if (comment.look !== "plain") {
      c.fillStyle = comment.look === "mine" ? "rgb(82 70 214 / .62)" : "rgb(160 96 0 / .62)";
      c.strokeStyle = comment.look === "mine" ? "#cfc9ff" : "#ffd873";
      c.lineWidth = 1.5;
      c.beginPath();
      c.roundRect(1, 1, width - 2, height - 2, height / 2);
      c.fill();
      c.stroke();
    }
    c.font = `600 ${font}px ${this.look.family}`;
    c.textBaseline = "middle";
    c.lineJoin = "round";
    c.lineWidth = font / 6;
    c.strokeStyle = "rgb(8 6 24 / .72)";
    c.fillStyle = comment.look === "gift" ? "#ffe9a8" : comment.look === "mine" || comment.hue % 3 ? "#fff" : `oklch(.9 .1 ${comment.hue})`;
    const y = height / 2 + 1;
    let x = padding(comment, font);
    for (const part of parts) {
      const wide = parts.length > 1 || typeof part !== "string" ? this.widthOf(part, font) : 0;
      if (typeof part === "string") {
        c.strokeText(part, x, y);
        c.fillText(part, x, y);
      } else {
        const high = wide * part.naturalHeight / part.naturalWidth;
        c.drawImage(part, x, y - high / 2, wide, high);
      }
      x += wide;
    }
    return sprite;
  }
}

function padding(comment: Comment, font: number): number {
  return comment.look === "plain" ? 3 : font * 0.7;
}

const letters = new Intl.Segmenter(); // A letter may be several code points: emoji, accents.

/** lineOf is what a comment says in the sky: a canvas has no elements to keep texts apart. */
export function lineOf({ text, who }: Pick<Comment, "text" | "who">): string {
  return (who ? `${isolated(who)} ` : "") + isolated(cut(text));
}

function cut(text: string): string {
  const line = text.replace(/\s+/g, " ");
  if (line.length <= maxLetters) return line;
  const parts = [...letters.segment(line.slice(0, 4 * maxLetters))].map((s) => s.segment);
  return parts.length <= maxLetters ? line : `${parts.slice(0, maxLetters).join("")}…`;
}
