// The settings that the page remembers in this browser.

/** Keeper is the one that remembers: the browser, for all tabs, or this tab alone. */
type Keeper = "localStorage" | "sessionStorage";

/** load is what was saved; "" where nothing was, or where the browser keeps nothing. */
export function load(key: string, keeper: Keeper = "localStorage"): string {
  try {
    return globalThis[keeper].getItem(`barrage.${key}`) ?? "";
  } catch {
    return "";
  }
}

/** save remembers a value; "" forgets it. */
export function save(key: string, value: string, keeper: Keeper = "localStorage"): void {
  try {
    if (value) globalThis[keeper].setItem(`barrage.${key}`, value);
    else globalThis[keeper].removeItem(`barrage.${key}`);
  } catch {
    // The page works without.
  }
}
