// Something that is asked for again and again.

/** Poll asks every so often while it is wanted. After a failure it waits longer each time. */
export class Poll {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  private turn = 0; // Answers of questions of before are not waited for.
  private on = false;

  /**
   * `every` is ms between an answer and the next question. `ask` throws where it failed. An answer that comes after
   * another question was asked is late, and older than the answer to that one.
   */
  constructor(private readonly every: () => number, private readonly ask: (late: () => boolean) => Promise<void>, private readonly failed: (err: unknown, retryMs: number) => void = () => {}) {}

  /** start asks at once, and goes on. */
  start(): void {
    this.stop();
    this.on = true;
    void this.round(this.turn);
  }

  /** stop asks no more. */
  stop(): void {
    this.on = false;
    this.turn++;
    clearTimeout(this.timer);
  }

  /** soon asks again at once, if it asks at all. */
  soon(): void {
    if (this.on) this.start();
  }

  private async round(turn: number): Promise<void> {
    let wait = 0;
    try {
      await this.ask(() => turn !== this.turn);
      this.failures = 0;
      wait = this.every();
    } catch (err) {
      wait = Math.min(10_000, 1000 * 2 ** this.failures++);
      if (turn === this.turn) this.failed(err, wait);
    }
    if (turn === this.turn) this.timer = setTimeout(() => void this.round(turn), wait);
  }
}
