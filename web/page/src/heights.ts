// The arithmetic of a list that draws only what is seen.

/** Range is a part of the list: rows first..end, end not included. */
export interface Range {
  readonly first: number;
  readonly end: number;
}

/** Heights knows how high each row of a list is, or guesses it until the row was drawn. All lengths in px. */
export class Heights {
  private sizes: number[] = [];
  private tops: number[] = [0]; // tops[i] is where row i starts; right up to `valid`.
  private valid = 0;

  /** guess is the height of a row that was never drawn. */
  constructor(private readonly guess: number) {}

  get length(): number {
    return this.sizes.length;
  }

  get total(): number {
    return this.top(this.length);
  }

  append(n: number): void {
    for (let i = 0; i < n; i++) this.sizes.push(this.guess);
  }

  prepend(n: number): void {
    this.sizes.unshift(...Array<number>(n).fill(this.guess));
    this.valid = 0;
  }

  /** drop takes the first n rows away and returns how high they were. */
  drop(n: number): number {
    const height = this.top(Math.min(n, this.length));
    this.sizes.splice(0, n);
    this.valid = 0;
    return height;
  }

  /** keep takes the rows away that are not wanted. */
  keep(wanted: (i: number) => boolean): void {
    this.sizes = this.sizes.filter((_, i) => wanted(i));
    this.valid = 0;
  }

  clear(): void {
    this.sizes = [];
    this.valid = 0;
  }

  /** set says how high row i was drawn; it returns whether that is news. */
  set(i: number, height: number): boolean {
    if (this.sizes[i] === height) return false;
    this.sizes[i] = height;
    this.valid = Math.min(this.valid, i);
    return true;
  }

  /** top is where row i starts; top(length) is the end of the list. */
  top(i: number): number {
    for (; this.valid < i; this.valid++) this.tops[this.valid + 1] = this.tops[this.valid]! + this.sizes[this.valid]!;
    return this.tops[i]!;
  }

  /** at is the row at y; the first or the last where y is outside; 0 where there are none. */
  at(y: number): number {
    let low = 0, high = this.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.top(middle) <= y) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** range is what to draw so that from..from+height is covered, with `margin` px more on both sides. */
  range(from: number, height: number, margin: number): Range {
    if (!this.length) return { first: 0, end: 0 };
    return { first: this.at(from - margin), end: this.at(from + height + margin) + 1 };
  }
}
