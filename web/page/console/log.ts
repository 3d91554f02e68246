// Acts of moderators: the log of the room of now, or of all rooms.

import { fullTime, time } from "../src/dom.js";
import { type Api, type Entry, type Log, part, wordsOf } from "./api.js";
import { $, element, note, own } from "./dom.js";
import { untilWords } from "./room.js";
import { t } from "./texts.js";

const page = 50;
const mostShown = 500; // Entries in the list; the log has 1,000.

/** entryText is an entry in one line. */
export function entryText(e: Entry): HTMLElement {
  const text = element("p", "entry"), at = element("time", "soft", Date.now() - e.at < 86_400_000 ? time(e.at) : fullTime(e.at));
  text.append(at, " ", own("b", "", e.by), " ", element("span", `tag ${e.verb}`, e.verb), " ");
  if (e.target) text.append(own("b", "", e.target), " ");
  const more = [e.gives, e.seq ? `#${e.seq}` : "", e.n ? `×${e.n}` : "", e.until ? untilWords(e.until) : "", e.modes ? JSON.stringify(e.modes).replace(/[{}"]/g, "").replaceAll(",", " ") : "", e.reason, e.body].filter(Boolean);
  if (more.length > 0) text.append(own("span", "soft", more.join(" · ")));
  return text;
}

/** LogPanel shows it, the newest first. */
export class LogPanel {
  private readonly entries = $("entries");
  private all = false;
  private next: string | undefined;
  private shown: Entry[] = [];
  private newest: string | undefined; // Of the room's log that was passed on.

  /** did is called for each entry of the room that is news. */
  constructor(private readonly api: Api, private readonly room: () => string, private readonly did: (e: Entry) => void) {
    for (const [id, all] of [["logRoom", false], ["logAll", true]] as const) $(id).onclick = () => this.choose(all);
    $("older").onclick = () => void this.older();
  }

  /** clear is for another room. */
  clear(): void {
    this.newest = undefined;
    this.shown = [];
    this.next = undefined;
    this.show();
  }

  /** ask reads what is new. */
  async ask(): Promise<void> {
    const room = this.room(), own = this.api.get<Log>(`rooms/${part(room)}/mod/log?limit=${page}`);
    const [mine, shown] = await Promise.all([own, this.all ? this.api.get<Log>(`everywhere/mod/log?limit=${page}`) : own]).catch((err: unknown) => {
      note("logNote", wordsOf(err));
      throw err;
    });
    if (room !== this.room()) return;
    const since = mine.entries.findIndex(({ id }) => id === this.newest), news = since < 0 ? mine.entries : mine.entries.slice(0, since);
    if (this.newest !== undefined) for (const e of news) this.did(e);
    this.newest = mine.entries[0]?.id ?? "";
    const known = this.shown.findIndex(({ id }) => id === shown.entries.at(-1)?.id);
    if (known < 0) this.next = shown.next;
    this.shown = [...shown.entries, ...(known < 0 ? [] : this.shown.slice(known + 1))].slice(0, mostShown);
    this.show();
  }

  /** show draws the list. */
  show(): void {
    this.entries.replaceChildren(...this.shown.map((e) => {
      const row = element("li");
      row.append(entryText(e));
      return row;
    }));
    note("logNote", this.shown.length > 0 ? "" : t(this.room() || this.all ? "logNone" : "pickRoom"));
    $("older").hidden = !this.next || this.shown.length >= mostShown;
  }

  private choose(all: boolean): void {
    this.all = all;
    $("logRoom").ariaPressed = String(!all);
    $("logAll").ariaPressed = String(all);
    this.shown = [];
    this.next = undefined;
    void this.ask().catch(() => {});
  }

  private async older(): Promise<void> {
    try {
      const log = await this.api.get<Log>(`${this.all ? "everywhere" : `rooms/${part(this.room())}`}/mod/log?limit=${page}&before=${part(this.next!)}`);
      this.shown.push(...log.entries);
      this.next = log.next;
      this.show();
    } catch (err) {
      note("logNote", wordsOf(err));
    }
  }
}
