// Events and their listeners.

import { invalid, shown } from "./check.js";

/** Emitter hands typed events to their listeners, in the order in which they were added. */
export class Emitter<Events extends { [E in keyof Events]: unknown[] }> {
  readonly #listeners = new Map<keyof Events, Array<(...args: any[]) => void>>();

  /** on adds a listener; the function returned removes it. */
  on<E extends keyof Events>(event: E, listener: (...args: Events[E]) => void): () => void {
    if (typeof listener !== "function") throw invalid(`cannot listen to ${shown(event)}: the listener is no function but ${typeof listener}`);
    const own = (...args: Events[E]) => listener(...args); // the same listener may be added twice
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), own]);
    return () => {
      const rest = (this.#listeners.get(event) ?? []).filter((l) => l !== own);
      this.#listeners.set(event, rest);
    };
  }

  /** emit calls the listeners. One that throws stops neither the others nor us; its error is reported as uncaught. */
  emit<E extends keyof Events>(event: E, ...args: Events[E]): void {
    for (const listener of this.#listeners.get(event) ?? []) {
      try {
        listener(...args);
      } catch (err) {
        queueMicrotask(() => {
          throw err;
        });
      }
    }
  }
}
