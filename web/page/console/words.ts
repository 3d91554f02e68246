// The word filter's verdict on a text.

import { type Api, wordsOf } from "./api.js";
import { $, element, own } from "./dom.js";
import { isText, t } from "./texts.js";

/** Found is the node's answer. Places are in bytes of UTF-8. */
interface Found {
  readonly action: string;
  readonly text: string;
  readonly tags: readonly string[];
  readonly hits: readonly { readonly list: string; readonly line: number; readonly term: string; readonly action: string; readonly start: number; readonly end: number; readonly allowed: string }[];
}

/** WordTest asks about a text. */
export class WordTest {
  private found: { text: string; found: Found } | undefined;

  constructor(private readonly api: Api) {
    $("test").onsubmit = (e) => {
      e.preventDefault();
      void this.test($<HTMLTextAreaElement>("text").value);
    };
  }

  /** show draws what was found, in the language of now. */
  show(): void {
    if (!this.found) return;
    const { text, found: { action, text: becomes, tags, hits } } = this.found, key = `words${action[0]?.toUpperCase()}${action.slice(1)}`;
    const said = element("p", `say ${action}`, isText(key) ? t(key, { text: becomes }) : action);
    const marked = element("p", "marked body");
    marked.dir = "auto";
    const bytes = new TextEncoder().encode(text), decode = (from: number, to: number) => new TextDecoder().decode(bytes.slice(from, to));
    let at = 0;
    for (const { start, end, allowed } of [...hits].sort((a, b) => a.start - b.start)) {
      if (start < at || allowed) continue;
      marked.append(decode(at, start), element("mark", "", decode(start, end)));
      at = end;
    }
    marked.append(decode(at, bytes.length));
    const list = element("ul", "lines");
    list.append(...hits.slice(0, 50).map((h) => {
      const row = element("li");
      row.append(element("span", `tag ${h.action}`, h.action), " ", own("span", "", t("wordsAt", { list: h.list, line: h.line, term: h.term })), ...(h.allowed ? [" ", own("span", "soft", t("wordsExcept", { term: h.allowed }))] : []));
      return row;
    }));
    $("verdict").replaceChildren(said, ...(hits.length > 0 ? [marked] : []), ...tags.map((tag) => own("span", "tag", `#${tag}`)), ...(hits.length > 0 ? [list] : []));
  }

  private async test(text: string): Promise<void> {
    this.found = undefined;
    if (!text.trim()) return $("verdict").replaceChildren(element("p", "say", t("wordsEmpty")));
    try {
      this.found = { text, found: await this.api.post<Found>("filter/test", { text }) };
      this.show();
    } catch (err) {
      $("verdict").replaceChildren(element("p", "say block", wordsOf(err)));
    }
  }
}
