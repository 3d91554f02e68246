// The part of a room that is drawn. The node is asked again and again for the newest messages; their numbers say how
// many came, so counts are exact whatever is left out.

import { Meter, shareOf, type Share } from "../../client/src/show/pace.js";
import type { Message, Page } from "./api.js";

/** pageSize is how many of the newest messages are asked for at a time: more than a screen has. */
export const pageSize = 60;

/** readable is how many messages a second are drawn: people read 10 to 20 lines. */
const readable = 12;

/** burst is how many are drawn at once after a calm while. */
const burst = 24;

/** Taken is what one answer means. */
export interface Taken {
  /** rows are the messages to draw, the oldest first. */
  readonly rows: readonly Message[];
  /** passed is how many before these are not drawn, shown once where the reader was away; 0 in the flow of a storm. */
  readonly passed: number;
  /** gone are numbers of messages that were taken back. */
  readonly gone: readonly number[];
  /** anew: the room counts anew, and the numbers of rows that are drawn mean nothing any more. */
  readonly anew: boolean;
}

/** Intake decides it. Times are in ms and never go back. */
export class Intake {
  /** all is how many messages came since the room was opened. */
  all = 0;
  /** epoch is the count that numbers belong to; undefined before the first answer. */
  epoch: string | undefined;
  private seen = 0; // The newest number that is counted.
  private drawn = 0; // The newest that was drawn, or left out.
  private left = burst;
  private at = 0;
  private resumed = true; // The next rows fill the screen.
  private readonly came = new Meter();
  private readonly shown = new Meter();

  /** take takes an answer. Held, nothing is drawn, and the rest goes on. */
  take(page: Page, held: boolean, now: number): Taken {
    const anew = this.epoch !== undefined && this.epoch !== page.epoch, first = this.epoch === undefined;
    if (anew || first || page.seq < this.drawn) {
      this.epoch = page.epoch;
      this.seen = first ? page.seq : page.seq - page.messages.length; // Its earlier messages cannot be counted.
      this.drawn = page.seq - page.messages.length;
    }
    const n = Math.max(0, page.seq - this.seen);
    this.all += n;
    this.came.add(n);
    this.seen = Math.max(this.seen, page.seq);
    this.left = Math.min(burst, this.left + (now - this.at) * readable / 1000);
    this.at = now;
    const gone = page.messages.filter(({ recalled }) => recalled).map(({ seq }) => seq);
    if (held) return { rows: [], passed: 0, gone, anew };

    const fresh = page.messages.filter(({ seq, recalled }) => seq > this.drawn && !recalled);
    const most = this.resumed ? pageSize : Math.floor(this.left), rows = spread(fresh, most);
    const passed = this.resumed && !first ? this.behind - page.messages.filter(({ seq }) => seq > this.drawn).length : 0;
    if (!first) this.shown.add(rows.length);
    this.left -= this.resumed ? this.left : rows.length;
    this.resumed = false;
    this.drawn = Math.max(this.drawn, page.seq);
    return { rows, passed: Math.max(0, passed), gone, anew };
  }

  /** behind is how many messages came since the newest that is drawn. */
  get behind(): number {
    return this.seen - this.drawn;
  }

  /** resume has the next rows fill the screen: the reader was away. */
  resume(): void {
    this.resumed = true;
  }

  /** pace is how many came a second of late, and which share of them is drawn; undefined is all. */
  pace(now: number): { rate: number; share: Share | undefined } {
    const rate = this.came.perSecond(now), shown = this.shown.perSecond(now);
    return { rate, share: rate < 1 ? undefined : shareOf(shown, rate) };
  }
}

/** spread is at most `most` of them, evenly chosen, the newest among them. */
function spread<T>(all: readonly T[], most: number): T[] {
  if (all.length <= most) return [...all];
  return Array.from({ length: most }, (_, i) => all[Math.floor((i + 1) * all.length / most) - 1]!);
}
