// What the page remembers in this browser.

/** load is what was saved; "" where nothing was, or where the browser keeps nothing. */
export function load(key: string): string {
  try {
    return localStorage.getItem(`barrage.${key}`) ?? "";
  } catch {
    return "";
  }
}

/** save remembers a value; "" forgets it. */
export function save(key: string, value: string): void {
  try {
    if (value) localStorage.setItem(`barrage.${key}`, value);
    else localStorage.removeItem(`barrage.${key}`);
  } catch {
    // The page works without.
  }
}
