// The chat list: it keeps the newest rows and draws only those that are seen.

import type { Cleared, Message, Recalled } from "../../client/src/index.js";
import { hueOf, nameOf } from "../../client/src/show/names.js";
import { clearedOf, means } from "../../client/src/recalls.js";
import { tame } from "../../client/src/show/tame.js";
import type { Emotes } from "./emotes.js";
import { Heights } from "./heights.js";
import { badgeOf } from "./names.js";
import { beginOf, calls, type Me, mentionsIn, type Reply, replyOf } from "./refer.js";
import { t, type Text } from "./texts.js";
import { fullTime, element, initial, time } from "./dom.js";

/** Note is a row that is no message. */
export interface Note {
  readonly note: Text;
  readonly blanks: Record<string, string | number>;
}

/** Row is one row of the list. */
export interface Row {
  message?: Message;
  note?: Note;
  /** epoch that the message's seq counts in; the list sets it. */
  epoch?: string;
  /** takenBack is the recall of the message. */
  takenBack?: Recalled;
  /**
   * unsent is what becomes of a message of one's own that is not in the room, or whose place there is not known yet.
   */
  unsent?: Unsent;
  /** open: a long message is shown to its end. */
  open?: boolean;
}

/** Unsent is a message of one's own on its way. */
export interface Unsent {
  /** state: it goes; the room has it; a moderator has it; it did not get there, and may go again. */
  readonly state: "sending" | "sent" | "held" | "failed";
  /** says is that in words, in the language of then. */
  readonly says: () => string;
}

const maxRows = 2000;
const guess = 40; // px: one line.
const margin = 300; // px drawn above and below what is seen.
const longWidth = 320; // Of a text in narrow letters: 8 lines of the list, more of which are asked for.
const longLines = 8;

/** ChatOptions are what the list asks of the page. */
export interface ChatOptions {
  /** log scrolls, and holds the list. */
  log: HTMLElement;
  list: HTMLElement;
  pill: HTMLButtonElement;
  me: () => string;
  /** mayRecall says whether the message is young enough. */
  /** myName is what others see. */
  myName: () => string;
  emotes: Pick<Emotes, "in" | "image">;
  mayAnswer: () => boolean;
  /** answer begins an answer to a message. */
  answer: (message: Message) => void;
  mayRecall: (message: Message) => boolean;
  recall: (message: Message) => void;
  mayModerate: () => boolean;
  /** moderate opens the menu of a message, whose number is of the epoch. */
  moderate: (message: Message, epoch: string) => void;
  /** again sends a message that did not get there; discard forgets it. */
  again: (message: Message) => void;
  discard: (message: Message) => void;
  /** older is called when somebody scrolls to the top. */
  older: () => void;
}

/** Chat is the list. Rows are added at any time and drawn once per frame. */
export class Chat {
  private rows: Row[] = [];
  private readonly heights = new Heights(guess);
  private epoch = "";
  private drawn = new Map<Row, HTMLElement>();
  private readonly stale = new Set<Row>(); // Rows to make anew: they stay as they are until the next drawing.
  private dirty = false;
  private stuck = true; // The list follows the newest row.
  private lastTop = 0;
  private shift = 0; // px by which rows above what is read grew since the last drawing.
  private unread = 0;
  private paused = false; // It follows again when the focus leaves it.

  constructor(private readonly o: ChatOptions) {
    o.log.addEventListener("scroll", () => this.scrolled(), { passive: true });
    o.pill.addEventListener("click", () => {
      this.follow();
      o.log.focus({ preventScroll: true });
    });
    // A finger has no hover: a tap shows what can be done to a message.
    o.list.addEventListener("click", ({ target }) => {
      for (const node of o.list.querySelectorAll(".chosen")) node.classList.remove("chosen");
      (target as Element).closest("li.message")?.classList.add("chosen");
    });
    o.log.addEventListener("keydown", (e) => this.key(e));
    o.log.addEventListener("focusout", ({ relatedTarget }) => {
      // activeElement is still here where the whole window loses the focus.
      const to = relatedTarget as Element | null, { activeElement } = document;
      // Dialogs give it back.
      if (this.paused && !o.log.contains(to) && !o.log.contains(activeElement) && !to?.closest("dialog")) this.follow();
    });
    new ResizeObserver(() => this.change()).observe(o.log);
  }

  /**
   * firstSeq is that of the oldest message kept; undefined where there is none, or it is of another epoch; 0 where it
   * has none.
   */
  get firstSeq(): number | undefined {
    const first = this.rows.find((row) => row.message && !row.unsent);
    return first?.epoch === this.epoch ? first.message?.seq : undefined;
  }

  /**
   * count goes on in an epoch, and returns the one of before: its messages stay, but cannot be recalled while
   * another one lasts.
   */
  count(epoch: string): string {
    const before = this.epoch;
    if (epoch === before) return before;
    this.epoch = epoch;
    this.redraw();
    return before;
  }

  /** add appends a row; the oldest ones go where there are too many. */
  add(row: Row): void {
    row.epoch = this.epoch;
    this.rows.push(row);
    this.heights.append(1);
    const extra = this.rows.length - maxRows;
    if (extra >= 50) { // Not one by one: taking from the front moves all others.
      this.rows.splice(0, extra);
      this.shift -= this.heights.drop(extra);
    }
    this.change();
  }

  /**
   * addGap says that n messages are missing after the newest row, 0 for nobody knows how many; gaps that follow each
   * other are one.
   */
  addGap(n: number): void {
    const last = this.rows.at(-1);
    if (!n) return this.add({ note: { note: "gapSome", blanks: {} } });
    if (last?.note?.note !== "gap") return this.add({ note: { note: "gap", blanks: { n } } });
    last.note.blanks["n"] = Number(last.note.blanks["n"]) + n;
    this.renew(last);
  }

  /** arrived counts messages that came, drawn or not, for those who read further up. */
  arrived(n: number): void {
    if (this.stuck) return;
    this.unread += n;
    this.change();
  }

  /** addOlder puts rows above all others without moving what is read. */
  addOlder(rows: Row[]): void {
    for (const row of rows) row.epoch = this.epoch;
    this.rows.unshift(...rows);
    this.heights.prepend(rows.length);
    this.shift += rows.length * guess;
    this.redrawAnswers();
    this.change();
  }

  /** mayGrow says whether there is room for older rows. */
  get mayGrow(): boolean {
    return this.rows.length < maxRows;
  }

  /** empty says that there is nothing in the list. */
  get empty(): boolean {
    return this.rows.length === 0;
  }

  /** short says that the list has messages, but does not fill its place. */
  get short(): boolean {
    return this.rows.length > 0 && this.heights.total < this.o.log.clientHeight;
  }

  /** takeBack shows a message as recalled, if it is here. */
  takeBack(recalled: Recalled): void {
    const row = this.rows.findLast(({ message, epoch }) => message && means(recalled, message, epoch === this.epoch));
    if (!row || row.takenBack !== undefined || row.message?.recalled) return;
    row.takenBack = recalled;
    this.renew(row);
    this.redrawAnswers();
  }

  /** unsent says what became of one's own message that is not in the room; undefined takes its row away. */
  unsent(id: string, unsent: Unsent | undefined): void {
    const row = this.rows.findLast((row) => row.unsent && row.message!.id === id);
    if (!row) return;
    if (!unsent) return this.drop((message) => message === row.message);
    row.unsent = unsent;
    this.renew(row);
  }

  /** clearTo takes all rows up to a number away, with what stands between them. */
  clearTo(cleared: Cleared): void {
    const end = clearedOf(this.rows, cleared);
    const own = this.rows.slice(0, end).filter((row) => row.unsent); // Those the room lacks are not cleared.
    this.rows.splice(0, end, ...own);
    this.shift -= this.heights.drop(end) - own.length * guess;
    this.heights.prepend(own.length);
    this.redrawAnswers();
    this.change();
  }

  /** drop takes rows away without moving what is read. */
  drop(gone: (message: Message) => boolean): void {
    const kept = this.rows.map(({ message }) => !message || !gone(message)), top = this.o.log.scrollTop + this.shift;
    for (let i = 0; i < kept.length && this.heights.top(i) < top; i++) if (!kept[i]) this.shift -= this.heights.top(i + 1) - this.heights.top(i);
    this.rows = this.rows.filter((_, i) => kept[i]);
    this.heights.keep((i) => kept[i]!);
    this.redrawAnswers();
    this.change();
  }

  /** seek goes to a message, if it is here, and shows which it is. */
  seek(userId: string, id: string): void {
    const row = this.find(userId, id);
    if (!row) return;
    const i = this.rows.indexOf(row);
    this.stuck = false;
    this.o.log.scrollTop = this.heights.top(i) - this.o.log.clientHeight / 3;
    this.change();
    this.drawIfDirty();
    const node = this.drawn.get(row);
    node?.classList.add("sought");
    node?.addEventListener("animationend", () => node.classList.remove("sought"), { once: true });
  }

  /** refresh renews what changes with time: recall buttons, and the mark that it is still on its way. */
  refresh(): void {
    for (const [row, node] of this.drawn) {
      if (row.unsent?.state === "sending") this.change();
      if (node.querySelector(".recall") && !this.o.mayRecall(row.message!)) this.renew(row);
    }
  }

  /** redraw makes all rows anew: the language changed, or the user. */
  redraw(): void {
    for (const row of this.drawn.keys()) this.renew(row);
  }

  /** clear takes all rows away. */
  clear(): void {
    this.rows = [];
    this.heights.clear();
    this.follow();
  }

  /** follow goes to the newest row and stays there. */
  follow(): void {
    this.stuck = true;
    this.paused = false;
    this.unread = 0;
    this.change();
  }

  /** change asks for a drawing with the next frame. */
  change(): void {
    this.dirty = true;
  }

  /** drawIfDirty draws what changed, and says whether anything has; the page calls it once per frame. */
  drawIfDirty(): boolean {
    if (!this.dirty) return false;
    this.dirty = false;
    this.draw();
    const { pill } = this.o;
    pill.hidden = this.stuck || !this.unread;
    if (!pill.hidden) pill.textContent = t(this.unread === 1 ? "fresh_one" : "fresh", { n: this.unread });
    return true;
  }

  private draw(): void {
    const { log, list } = this.o, seen = log.clientHeight;
    if (!seen) return;
    for (let round = 0; round < 4; round++) { // True heights may bring other rows into view.
      const top = this.stuck ? this.heights.total - seen : log.scrollTop + this.shift;
      const { first, end } = this.heights.range(top, seen, margin);
      this.place(first, end);
      const anchor = this.heights.at(top), inside = top - this.heights.top(anchor);
      const changed = this.measure(first, end);
      list.style.paddingTop = `${this.heights.top(first)}px`;
      list.style.paddingBottom = `${this.heights.total - this.heights.top(end)}px`;
      if (this.stuck) this.jump(log.scrollHeight);
      else if (changed || this.shift) this.jump(this.heights.top(anchor) + inside);
      this.shift = 0;
      if (!changed) return;
    }
  }

  /** place makes the nodes of rows first..end the list's children, in order. */
  private place(first: number, end: number): void {
    const { list, log } = this.o, wanted = new Set(this.rows.slice(first, end));
    for (const [row, node] of this.drawn) {
      if (wanted.has(row)) {
        if (this.stale.has(row)) this.replace(node, this.make(row));
        continue;
      }
      if (node.contains(document.activeElement)) log.focus({ preventScroll: true });
      node.remove();
      this.drawn.delete(row);
    }
    this.stale.clear();
    let next = list.firstElementChild;
    for (const row of wanted) {
      const node = this.drawn.get(row) ?? this.make(row);
      if (node === next) next = next.nextElementSibling;
      else list.insertBefore(node, next);
    }
  }

  private measure(first: number, end: number): boolean {
    let changed = false;
    for (let i = first; i < end; i++) {
      const node = this.drawn.get(this.rows[i]!)!;
      if (node.classList.contains("long")) this.measureLong(node);
      changed = this.heights.set(i, node.getBoundingClientRect().height) || changed;
    }
    return changed;
  }

  /** measureLong offers the rest of a long message where its lines do not fit. */
  private measureLong(node: HTMLElement): void {
    const text = node.querySelector("p.text")!, more = node.querySelector<HTMLElement>(".more")!;
    more.hidden = text.scrollHeight <= text.clientHeight + 1;
  }

  private make(row: Row): HTMLElement {
    const node = row.message ? this.messageNode(row, row.message) : element("li", "note", t(row.note!.note, row.note!.blanks));
    this.drawn.set(row, node);
    return node;
  }

  private messageNode(row: Row, message: Message): HTMLElement {
    const mine = message.userId === this.o.me();
    if (row.takenBack !== undefined || message.recalled) return element("li", "note", takenBackText(row.takenBack, message, mine));
    if (isSaid(message)) return this.saidNode(row, message);
    const me = { id: this.o.me(), name: this.o.myName() }, called = !mine && calls(message, me), reply = replyOf(message);
    const node = element("li", `message${mine ? " mine" : ""}${called ? " called" : ""}${message.kind === "gift" ? " gift" : ""}`);
    node.style.setProperty("--hue", String(hueOf(message.userId)));
    const name = nameOf(message), face = element("span", "face", initial(name));
    face.ariaHidden = "true";
    const body = tame(message.body).trim(), text = element("p", "text"), who = element("b", "who", name), clock = element("time", "", time(message.ts));
    if (name !== message.userId) who.title = tame(message.userId); // Names may be alike, ids are not.
    clock.setAttribute("datetime", new Date(message.ts).toISOString());
    clock.title = fullTime(message.ts);
    const badge = badgeOf(message);
    if (called) text.append(element("span", "unseen", `${t("calledYou")} `));
    text.append(who, ...(badge ? [element("span", `badge ${badge}`, t(badge))] : []), this.bodyNode(body, me));
    node.append(face, ...(reply ? [this.replyNode(reply)] : []), text);
    if (isLong(body) && !row.open) this.fold(node, row);
    if (row.unsent) this.unsentNode(node, message, row.unsent);
    else if (mine) text.append(sentMark());
    const tools = element("span", "acts");
    tools.append(clock);
    if (mine && message.seq > 0 && row.epoch === this.epoch && this.o.mayRecall(message)) tools.append(this.button("recall", t("recall"), t("recallLabel", { body: message.body.slice(0, 40) }), () => this.o.recall(message)));
    if (this.o.mayAnswer() && !mine && message.id && message.userId) tools.append(this.answerButton(message, name));
    if (this.o.mayModerate() && !row.unsent) tools.append(this.menuButton(row, message));
    node.append(tools);
    return node;
  }

  private answerButton(message: Message, who: string): HTMLButtonElement {
    const button = this.button("answer", "↩", t("answerLabel", { who, body: message.body.slice(0, 40) }), () => this.o.answer(message));
    button.title = t("answer");
    return button;
  }

  /** bodyNode is a text with its emotes, and with the places marked that mention the reader. */
  private bodyNode(body: string, me: Me): HTMLElement {
    const node = element("span", "body", body), { emotes } = this.o;
    const parts = [
      ...emotes.in(body).map(([from, to, name]) => ({ from, to, make: () => emotes.image(name) as HTMLElement })),
      ...mentionsIn(body, me).map(([from, to]) => ({ from, to, make: () => element("mark", "", body.slice(from, to)) })),
    ].sort((a, b) => a.from - b.from);
    if (!parts.length) return node;
    let at = 0;
    node.textContent = "";
    for (const { from, to, make } of parts) {
      if (from < at) continue;
      node.append(body.slice(at, from), make());
      at = to;
    }
    node.append(body.slice(at));
    return node;
  }

  /** replyNode says what a message answers, in the words of the list alone, and leads there. */
  private replyNode({ userId, id }: Reply): HTMLElement {
    const row = this.find(userId, id);
    if (!row) return element("p", "reply", t("answersOther"));
    if (row.takenBack !== undefined || row.message!.recalled) return element("p", "reply", t("answersGone"));
    const said = beginOf(row.message!);
    return this.button("reply", t("answers", said), t("answersLabel", said), () => this.seek(userId, id));
  }

  private find(userId: string, id: string): Row | undefined {
    return this.rows.findLast(({ message }) => message?.userId === userId && message.id === id);
  }

  /** redrawAnswers makes rows anew that answer others: of those some came, or went. */
  private redrawAnswers(): void {
    for (const [row, node] of this.drawn) if (node.querySelector(".reply")) this.renew(row);
  }

  /** fold shows the beginning of a long message, and a button for the rest. */
  private fold(node: HTMLElement, row: Row): void {
    node.classList.add("long");
    node.append(this.button("more text", t("showAll"), "", () => {
      row.open = true;
      this.renew(row);
    }));
  }

  /** unsentNode says where a message of one's own is, and what can be done where it is nowhere. */
  private unsentNode(node: HTMLElement, message: Message, { state, says }: Unsent): void {
    const text = node.querySelector("p.text")!, line = element(state === "sending" ? "span" : "p", "unsent"), body = message.body.slice(0, 40);
    if (state === "sent") return text.append(sentMark());
    node.classList.add("waits", state);
    line.append(element("em", "", says()));
    if (state === "sending") return text.append(" ", line);
    if (state === "failed") {
      line.append(" ", this.button("text", t("sendAgain"), t("sendAgainLabel", { body }), () => this.o.again(message)));
      line.append(" ", this.button("text", t("discard"), t("discardLabel", { body }), () => this.o.discard(message)));
    }
    node.append(line);
  }

  private saidNode(row: Row, message: Message): HTMLElement {
    const node = element("li", "note said");
    node.append(element("span", "", tame(message.body)));
    if (this.o.mayModerate()) node.append(this.menuButton(row, message));
    return node;
  }

  private menuButton(row: Row, message: Message): HTMLButtonElement {
    const who = message.userId ? nameOf(message) : t("roomSays"), label = t("menuLabel", { who, body: message.body.slice(0, 40) });
    const button = this.button("menu", "⋯", label, () => this.o.moderate(message, row.epoch ?? ""));
    button.ariaHasPopup = "dialog";
    return button;
  }

  /** button makes one; label is what it is called where its text does not say all. */
  private button(className: string, text: string, label: string, does: () => void): HTMLButtonElement {
    const button = element("button", className, text) as HTMLButtonElement;
    button.type = "button";
    button.tabIndex = -1; // See key.
    if (label) button.ariaLabel = label;
    button.onclick = does;
    return button;
  }

  /**
   * key moves the focus among what can be done: arrows to the message above or below, and within one. The list is one
   * stop of the Tab key, and stands still while the focus is in it.
   */
  private key(e: KeyboardEvent): void {
    const { log } = this.o, step = { ArrowUp: -1, ArrowDown: 1, ArrowLeft: -1, ArrowRight: 1 }[e.key];
    const focused = () => document.activeElement?.closest<HTMLElement>("#rows > li"), at = focused();
    if (e.ctrlKey || e.metaKey || e.altKey || e.shiftKey) return;
    if (e.key === "Escape" && at) {
      log.focus({ preventScroll: true });
      if (this.paused) this.follow();
    }
    if (!step) return;
    let to: HTMLElement | undefined;
    if (e.key === "ArrowLeft" || e.key === "ArrowRight") {
      const all = at ? buttons(at) : [];
      to = all[all.indexOf(document.activeElement as HTMLElement) + step];
    } else {
      to = this.neighbour(at, step);
      if (!to && at) { // Keys may be faster than frames: the next row is not drawn yet.
        this.draw();
        const now = focused(); // It is made anew, or was scrolled away in the same frame.
        if (now) to = this.neighbour(now, step);
      }
    }
    if (!to) return;
    e.preventDefault();
    if (this.stuck) this.paused = true;
    this.stuck = false;
    to.focus();
  }

  /** neighbour is what has the focus next above (-1) or below (1) a drawn row; without one, the lowest that is seen. */
  private neighbour(at: HTMLElement | null | undefined, step: number): HTMLElement | undefined {
    const { log, list } = this.o, rows = [...list.children].filter((row) => row === at || buttons(row).length > 0), end = log.getBoundingClientRect().bottom;
    const row = at ? rows[rows.indexOf(at) + step] : step < 0 ? rows.findLast((row) => row.getBoundingClientRect().top < end) : undefined;
    return row && firstOf(row);
  }

  /**
   * renew has a row made anew with the next drawing. Without the old one until then the list were shorter, and its
   * place lost.
   */
  private renew(row: Row): void {
    this.stale.add(row);
    this.change();
  }

  /**
   * replace gives the focus in a row to the same button of the row made anew, or to another one there. Else the list
   * has it.
   */
  private replace(old: HTMLElement, node: HTMLElement): void {
    const { activeElement } = document;
    old.before(node);
    if (old.contains(activeElement)) (buttons(node).find((button) => button.className === activeElement!.className) ?? firstOf(node) ?? this.o.log).focus({ preventScroll: true });
    old.remove();
  }

  private jump(top: number): void {
    this.o.log.scrollTop = top;
    this.lastTop = this.o.log.scrollTop;
  }

  private scrolled(): void {
    const { log } = this.o, top = log.scrollTop, below = log.scrollHeight - top - log.clientHeight;
    if (below <= 4) {
      if (!this.stuck && !this.o.list.contains(document.activeElement)) this.follow();
    } else if (top < this.lastTop - 1) this.stuck = false;
    this.lastTop = top;
    if (top < 80 && !this.stuck) this.o.older();
    this.change();
  }
}

/** buttons are what can be done about a row. */
function buttons(row: Element): HTMLElement[] {
  return [...row.querySelectorAll<HTMLElement>("button:not([hidden])")];
}

/** firstOf is the button of a row that arrows lead to. */
function firstOf(row: Element): HTMLElement | undefined {
  return row.querySelector<HTMLElement>(".acts button") ?? buttons(row)[0];
}

/** isSaid says that a message is the room's own: nodes take that kind from nobody but moderators and servers. */
export function isSaid({ kind }: Message): boolean {
  return kind === "system";
}

function sentMark(): HTMLElement {
  const mark = element("span", "sent", "✓");
  mark.role = "img";
  mark.ariaLabel = mark.title = t("sent");
  return mark;
}

/** isLong says that a text takes more lines than are shown at first. */
function isLong(text: string): boolean {
  const wide = text.match(/[\u1100-\u11ff\u2e80-\uffdc\u{1f000}-\u{3ffff}]/gu)?.length ?? 0;
  return text.length + wide > longWidth || text.split("\n").length > longLines;
}

function takenBackText({ by, userId }: Pick<Recalled, "by" | "userId"> = { by: "", userId: "" }, message: Message, mine: boolean): string {
  if (message.recalled) return t("recalled"); // History does not know whose it was.
  if (!by && userId) return mine ? t("removedMine") : t("removedOther", { who: nameOf(message) }); // A moderator did.
  if (mine && (by === message.userId || !by)) return t("recalledMine");
  const who = nameOf(message);
  return !by || by === message.userId ? t("recalledOther", { who }) : t("recalledBy", { by, who });
}
