// Which track a comment flies in: no comment ever touches another.

/** Flight is one comment's way across the sky, from right to left. Lengths in px, times in ms. */
export interface Flight {
  readonly width: number;
  readonly height: number;
  /** speed in px per ms. */
  readonly speed: number;
  /** from is where its left edge is at the time `at`. */
  readonly from: number;
  readonly at: number;
  readonly top: number;
}

/** leftOf is where a flight's left edge is. */
export function leftOf(flight: Flight, now: number): number {
  return flight.from - flight.speed * (now - flight.at);
}

/** Strips are thin rows of the sky; a comment takes as many as it is high: a track. */
const stripHeight = 4;

/**
 * Tracks gives out the sky. Comments may differ in height and in speed, and the sky may
 * change its size while they fly. Each strip knows its last comment, and the next one must
 * stay behind that one until it has left. A comment further ahead is faster gone, so the last is all that a strip needs
 * to know.
 */
export class Tracks {
  private last: (Flight | undefined)[] = [];
  private width = 0;
  private strips = 0; // Of the sky as it is; `last` also remembers those of a higher one.

  /** gap is the least distance between two comments of a track, in px. */
  constructor(private readonly gap: number) {}

  /** resize sets the size of the sky in px; comments that fly already fly on. */
  resize(width: number, height: number): void {
    this.width = width;
    this.strips = Math.floor(height / stripHeight);
  }

  /** clear empties the sky. */
  clear(): void {
    this.last.fill(undefined);
  }

  /** place takes the topmost free track for a comment that starts `late` px outside; undefined where all are taken. */
  place(size: { width: number; height: number }, speed: number, now: number, late = 0): Flight | undefined {
    const strips = Math.ceil(size.height / stripHeight), from = this.width + late;
    for (let first = 0; first + strips <= this.strips; first += strips) {
      const taken = this.firstTaken(first, strips, from, speed, now);
      if (taken >= 0) continue;
      const flight = { ...size, speed, from, at: now, top: first * stripHeight };
      for (let i = first; i < first + strips; i++) this.last[i] = flight;
      return flight;
    }
    return undefined;
  }

  private firstTaken(first: number, strips: number, from: number, speed: number, now: number): number {
    let known: Flight | undefined;
    for (let i = first; i < first + strips; i++) {
      const ahead = this.last[i];
      if (ahead === known || !ahead) continue; // Most strips of a track have the same.
      if (!this.staysBehind(ahead, from, speed, now)) return i;
      known = ahead;
    }
    return -1;
  }

  /** Distances change evenly, so it is enough to look at both ends: now, and when the one ahead is gone. */
  private staysBehind(ahead: Flight, from: number, speed: number, now: number): boolean {
    const tail = leftOf(ahead, now) + ahead.width + this.gap;
    if (tail > from) return false;
    if (tail <= 0 || speed <= ahead.speed) return true;
    return from - speed * (tail / ahead.speed) >= 0;
  }
}
