// The needs of the client from the world around it, so that tests can be that world.

/** Env is time, chance and the page. */
export interface Env {
  /** now is a time in ms that goes on whatever becomes of the device's clock: only differences mean something. */
  now(): number;
  /** date is the device's clock, in ms since 1970: people and servers set it, also back. */
  date(): number;
  /** after calls f once in ms from now; the function returned prevents it. */
  after(ms: number, f: () => void): () => void;
  /** random is in [0, 1). */
  random(): number;
  /** hidden says that nobody sees the page. */
  hidden(): boolean;
  /**
   * watch calls back when the page becomes visible or the network returns, away when the network goes; the function
   * returned ends that.
   */
  watch(back: () => void, away: () => void): () => void;
}

/** longestMs is what setTimeout takes; it does not wait at all for longer. */
const longestMs = 2 ** 31 - 1;

/** sleptMs distinguishes a sleep from two clocks that drift apart, by some 30 ms in a minute. */
const sleptMs = 1000;

/**
 * steady makes a time that never goes back: it counts by ticks, which no one sets. In most systems these stand still
 * while a machine sleeps, so the lead of the date over them counts too. A clock that was set forward looks the same,
 * and costs a ping.
 */
export function steady(ticks: () => number, date: () => number): () => number {
  let tick = ticks(), day = date(), slept = 0;
  return () => {
    const nextTick = ticks(), nextDay = date(), ahead = nextDay - day - (nextTick - tick);
    if (ahead > sleptMs) slept += ahead;
    tick = nextTick;
    day = nextDay;
    return tick + slept;
  };
}

/** Hears is what has events: a page, a window, a worker. */
type Hears = Partial<Pick<EventTarget, "addEventListener" | "removeEventListener">>;

/** realNow is elapsed time, in ms. */
export const realNow = /* @__PURE__ */ steady(() => performance.now(), () => Date.now());

/** realEnv is the browser, a worker, or Node, where there is no page. */
export const realEnv: Env = {
  now: realNow,
  date: () => Date.now(),
  after(ms, f) {
    const timer = setTimeout(f, Math.min(ms, longestMs));
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
  hidden: () => typeof document !== "undefined" && document.visibilityState === "hidden",
  watch(back, away) {
    const page: Hears = typeof document === "undefined" ? {} : document, world: Hears = globalThis;
    const visible = () => {
      if (document.visibilityState === "visible") back();
    };
    // A page out of the back-forward cache has lost its socket: pageshow.
    const all = [[page, "visibilitychange", visible], [world, "online", back], [world, "pageshow", back], [world, "offline", away]] as const;
    for (const [target, event, f] of all) target.addEventListener?.(event, f);
    return () => {
      for (const [target, event, f] of all) target.removeEventListener?.(event, f);
    };
  },
};
