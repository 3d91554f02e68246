// Checks of what goes out: texts that a URL, a header and a server take.

import { BarrageError } from "./errors.js";

/**
 * bytesOf returns the length of s in UTF-8, where half of a surrogate pair is U+FFFD. It counts: pages in Jest have no
 * TextEncoder.
 */
export function bytesOf(s: string): number {
  let bytes = 0;
  for (const letter of s) {
    const code = letter.codePointAt(0)!;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}

/** shown is a value in the text of an error, whatever a caller has passed: some cannot be written. */
export function shown(value: unknown, write: (value: unknown) => string = String): string {
  try {
    return write(value);
  } catch {
    return typeof value;
  }
}

/** json is for shown: a value as JSON. */
export function json(value: unknown): string {
  return JSON.stringify(value) ?? typeof value;
}

/**
 * flaw says what keeps a value from being a text of 1 to most bytes without control characters; "" where nothing does.
 */
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

/** whole says that n is a whole number of at least least. */
export function whole(n: unknown, least: number): n is number {
  return Number.isSafeInteger(n) && (n as number) >= least;
}

/** maxIdBytes bounds the ids of rooms and users, in bytes (the server's). */
export const maxIdBytes = 128;

/** maxSendId bounds the id of a send, in bytes; kinds are those of its kinds (the protocol's). */
const maxSendId = 64;
const kinds = /^[\w.-]{1,32}$/;

/** flawOfSend says what is wrong with a send, whoever calls it; "" for nothing. */
export function flawOfSend(body: unknown, options: unknown): string {
  if (typeof body !== "string") return `the body is no string but ${body === null ? "null" : typeof body}`;
  if (typeof options !== "object" || options === null) return `the options are no object but ${shown(options)}`;
  const { id, kind, ext, timeoutMs } = options as Record<string, unknown>, why = id === undefined ? "" : flaw(id, maxSendId);
  if (why) return `the id ${why}`;
  if (typeof id === "string" && id.startsWith("~")) return `ids that begin with "~" are the nodes' own`;
  if (kind !== undefined && !(typeof kind === "string" && kinds.test(kind))) return `kind is ${shown(kind, json)}, want 1 to 32 of a-z A-Z 0-9 . _ -`;
  if (typeof ext === "function" || typeof ext === "symbol") return `ext is a ${typeof ext}, which is no JSON`;
  if (timeoutMs !== undefined && !(typeof timeoutMs === "number" && timeoutMs > 0)) return `timeoutMs is ${shown(timeoutMs)}, want more than 0 ms`;
  return "";
}
