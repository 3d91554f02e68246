// Time, however this device's clock is set: elapsed time, and the time of the server's clock.

import { realEnv } from "../../client/src/env.js";

/** now is a time in ms that never goes back; only differences mean something. */
export const now = realEnv.now;

/** ServerClock follows the server's clock by the messages that come; before the first one it is this device's. */
export class ServerClock {
  private ts = Date.now();
  private at = now();

  /** heard takes the time of a message that has just come, in ms since 1970. */
  heard(ts: number): void {
    this.ts = ts;
    this.at = now();
  }

  /** date is in ms since 1970. */
  get date(): number {
    return this.ts + now() - this.at;
  }
}
