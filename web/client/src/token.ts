// Tokens as they travel. A socket's token stands in a sub-protocol, where no log of URLs has it.
// That of a request stands in a header, where it fits into one.

import { flaw } from "./check.js";
import { ConnectionError } from "./errors.js";
import { subprotocol } from "./wire.js";

/** maxTokenBytes bounds a token (the protocol's). */
const maxTokenBytes = 4096;

/** checkToken returns what is a token. Otherwise it throws a ConnectionError with code "bad_token", which is final. */
export function checkToken(token: unknown): string {
  const why = flaw(token, maxTokenBytes);
  if (why) throw new ConnectionError("bad_token", `the token ${why}`);
  return token as string;
}

/** protocolsFor are the sub-protocols that a socket asks for; "" is no token. */
export function protocolsFor(token: string): string[] {
  return token === "" ? [subprotocol] : [subprotocol, `bearer.${base64url(token)}`];
}

/**
 * fitsHeader says that a token comes through a header as it is. `fetch` throws at what is not Latin-1, sends é as a
 * byte that is no UTF-8, and cuts spaces off the ends. Other tokens travel in the query.
 */
export function fitsHeader(token: string): boolean {
  return /^[!-~]([ -~]*[!-~])?$/.test(token);
}

/** base64url is RFC 4648 section 5, without padding, of the text's UTF-8. */
function base64url(text: string): string {
  const bytes = encodeURIComponent(text).replace(/%(..)/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return btoa(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
