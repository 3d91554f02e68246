// What the client needs from the world around it, so that tests can be that world.

/** Env is time, chance and the page. */
export interface Env {
  /** now is in ms since 1970. */
  now(): number;
  /** after calls f once in ms from now; the function returned prevents it. */
  after(ms: number, f: () => void): () => void;
  /** random is in [0, 1). */
  random(): number;
  /** hidden says that nobody sees the page. */
  hidden(): boolean;
  /** onBack calls f when the page becomes visible or the network returns; the function returned ends that. */
  onBack(f: () => void): () => void;
}

/** longestMs is what setTimeout takes; it does not wait at all for longer. */
const longestMs = 2 ** 31 - 1;

/** realEnv is the browser, or Node, where there is no page. */
export const realEnv: Env = {
  now: () => Date.now(),
  after(ms, f) {
    const timer = setTimeout(f, Math.min(ms, longestMs));
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
  hidden: () => typeof document !== "undefined" && document.visibilityState === "hidden",
  onBack(f) {
    if (typeof window === "undefined" || typeof document === "undefined") return () => {};
    const visible = () => {
      if (document.visibilityState === "visible") f();
    };
    document.addEventListener("visibilitychange", visible);
    window.addEventListener("online", f);
    window.addEventListener("pageshow", f); // a page out of the back-forward cache has lost its socket
    return () => {
      document.removeEventListener("visibilitychange", visible);
      window.removeEventListener("online", f);
      window.removeEventListener("pageshow", f);
    };
  },
};
