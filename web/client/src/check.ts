// What may go out: texts that a URL, a header and a server take.

import { BarrageError } from "./errors.js";

/** bytesOf returns the length of s in UTF-8. */
export function bytesOf(s: string): number {
  return new TextEncoder().encode(s).length;
}

/** flaw says what keeps a value from being a text of 1 to most bytes without control characters; "" where nothing does. */
export function flaw(value: unknown, most: number): string {
  if (typeof value !== "string") return `is no string but ${value === null ? "null" : typeof value}`;
  const bytes = bytesOf(value);
  if (bytes < 1 || bytes > most) return `has ${bytes} bytes, want 1 to ${most}`;
  if (/\p{Cc}/u.test(value)) return "has control characters";
  if (/\p{Cs}/u.test(value)) return "has half of a surrogate pair"; // UTF-8 has none, and encodeURIComponent throws
  return "";
}

/** invalid makes the error of an argument or option that makes no sense. */
export function invalid(message: string): BarrageError {
  return new BarrageError("invalid", message);
}
