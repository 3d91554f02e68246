// How much comes, how much is drawn, and how to say it.

/** Meter counts events and knows how many a second there were of late, smoothed over about a second. */
export class Meter {
  private count = 0;
  private since = 0;
  private rate = 0;

  add(n = 1): void {
    this.count += n;
  }

  /** perSecond takes what was counted since the last call into account; now in ms, calls 50 ms apart or more count. */
  perSecond(now: number): number {
    const span = now - this.since;
    if (span < 50) return this.rate;
    const weight = Math.exp(-span / 1000);
    this.rate = this.rate * weight + (this.count * 1000 / span) * (1 - weight);
    this.count = 0;
    this.since = now;
    return this.rate;
  }
}

/** Budget lets a bounded number a second through. */
export class Budget {
  private left: number;
  private since = 0;

  /** rate is per second; burst is the most at once. */
  constructor(private readonly rate: number, private readonly burst: number) {
    this.left = burst;
  }

  /** take asks for one; now in ms. */
  take(now: number): boolean {
    this.left = Math.min(this.burst, this.left + (now - this.since) * this.rate / 1000);
    this.since = now;
    if (this.left < 1) return false;
    this.left--;
    return true;
  }
}

/** Share says "part of whole", as in "1 of 12". */
export interface Share {
  readonly part: number;
  readonly whole: number;
}

/** shareOf puts shown out of all into small numbers; undefined where (nearly) all are shown. */
export function shareOf(shown: number, all: number): Share | undefined {
  if (shown >= all * 0.97) return undefined;
  const times = all / Math.max(shown, 0.01);
  if (times >= 1.75) return { part: 1, whole: Math.round(times) };
  const part = Math.min(9, Math.max(2, Math.round(shown / (all - shown)))); // 2 of 3, 3 of 4, … 9 of 10.
  return { part, whole: part + 1 };
}
