// Hearts: clicks merged into few frames on the wire, and hearts that float.

/** Hearts floats hearts up from a button. */
export class Hearts {
  private readonly shapes = ["❤️", "💖", "💜", "🧡", "💙"];
  private last = 0;

  constructor(private readonly place: HTMLElement, private readonly still: MediaQueryList) {}

  /** float sends up to n hearts on their way, bounded however many are asked for. */
  float(n: number): void {
    if (this.still.matches || document.hidden) return;
    const room = 24 - this.place.childElementCount;
    for (let i = 0; i < Math.min(n, 6, room); i++) this.one(i * 90);
  }

  private one(delay: number): void {
    const heart = document.createElement("span");
    heart.textContent = this.shapes[this.last++ % this.shapes.length]!;
    this.place.append(heart);
    const drift = () => (Math.random() - 0.5) * 70;
    const [a, b, size] = [drift(), drift(), 0.8 + Math.random() * 0.7];
    const flight = heart.animate(
      [
        { transform: "translate(0, 0) scale(.3)", opacity: 0 },
        { transform: `translate(${a / 2}px, -40px) scale(${size})`, opacity: 1, offset: 0.15 },
        { transform: `translate(${a}px, -150px) scale(${size})`, opacity: 0.9, offset: 0.6 },
        { transform: `translate(${b}px, -260px) scale(${size * 0.8})`, opacity: 0 },
      ],
      { duration: 1900 + Math.random() * 900, delay, easing: "ease-out", fill: "both" },
    );
    flight.onfinish = () => heart.remove();
  }
}

/** The most likes of one frame. */
const maxLikes = 100;

/** Burst merges clicks: the first goes out at once, those of the next half second together. */
export class Burst {
  private count = 0;
  private timer = 0;

  constructor(private readonly send: (n: number) => void, private readonly every = 500) {}

  /** add counts one click. */
  add(): void {
    this.count++;
    if (!this.timer) this.flush();
  }

  private flush(): void {
    this.timer = 0;
    const n = Math.min(this.count, maxLikes);
    if (!n) return;
    this.count -= n;
    this.send(n);
    this.timer = setTimeout(() => this.flush(), this.every) as unknown as number;
  }
}
