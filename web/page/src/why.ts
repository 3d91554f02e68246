// Why something did not go, in the words of the page: servers and the client name codes.

import { BarrageError } from "../../client/src/index.js";
import { isText, t } from "./texts.js";

/** Doing is what did not go; some codes mean something of their own there. */
export type Doing = "send" | "recall" | "mod" | "read" | "stay";

/** why says what a code means; of one that we have no words for it says that, with the code. */
export function why(code: string, doing: Doing): string {
  for (const key of [`${doing}_${code}`, `why_${code}`]) if (isText(key)) return t(key);
  return t("other", { code });
}

/** whyOf says why something failed. */
export function whyOf(err: unknown, doing: Doing): string {
  return why(err instanceof BarrageError ? err.code : (err as Error).name, doing);
}
