// The messages of a room as a moderator works through them: a bounded number of rows, and what holds them.

import { hueOf } from "../../client/src/show/names.js";
import { initial, time } from "../src/dom.js";
import { now } from "../src/clock.js";
import { badgeOf } from "../src/names.js";
import type { Entry, Message, Page } from "./api.js";
import { $, button, element, own, sender, setText } from "./dom.js";
import { Intake } from "./intake.js";
import { count, t, type Text } from "./texts.js";

const mostRows = 120; // Two screens; a message above that is in the history of its user.
const dripMs = 450; // Rows of one answer come one after the other, within the time until the next.
const nearEnd = 12; // px from the end that count as the end.
const byHandMs = 1000; // For so long what scrolls is what somebody did; later it is rows that have grown.
const upKeys = new Set(["PageUp", "Home", "ArrowUp"]);

/** Why the rows stand still. */
type Hold = "hand" | "chosen" | "scroll" | "hover" | "hidden";

const holdWords: readonly (readonly [Hold, Text])[] = [["chosen", "heldChosen"], ["hand", "heldHand"], ["scroll", "heldScroll"], ["hover", "heldHover"]];

/** acts are what one key does with the chosen message. */
export const acts = [["d", "delete"], ["m", "mute"], ["b", "ban"], ["p", "purge"], ["u", "card"], ["i", "pin"]] as const;

/** Act is one of these. */
export type Act = (typeof acts)[number][1];

interface Row {
  readonly message: Message;
  readonly node: HTMLElement;
}

/** Stream shows one room. */
export class Stream {
  private rows: Row[] = [];
  private queue: (Message | number)[] = []; // A number is how many messages are not shown there.
  private intake = new Intake();
  private chosen: Row | undefined;
  private readonly holds = new Set<Hold>();
  private readonly feed = $("feed");
  private dripping = false;
  private gap = 0;
  private last = 0;
  private touched = -Infinity; // When somebody last did something in the list.
  private posts = 0;

  /** act does something with the chosen message; undo takes the last back; card shows a user. */
  constructor(private readonly act: (act: Act, m: Message) => void, undo: () => void) {
    const keys = (e: KeyboardEvent) => this.key(e, undo);
    this.feed.onkeydown = $("acts").onkeydown = keys;
    this.feed.onpointerenter = (e) => { if (e.pointerType === "mouse") this.hold("hover", true); };
    this.feed.onpointerleave = () => this.hold("hover", false);
    for (const name of ["wheel", "touchmove", "pointerdown", "keydown"]) {
      this.feed.addEventListener(name, (e) => { if (!("key" in e) || upKeys.has(String(e.key))) this.touched = now(); }, { passive: true });
    }
    this.feed.onscroll = () => {
      const away = this.feed.scrollHeight - this.feed.scrollTop - this.feed.clientHeight > nearEnd;
      // Rows that have grown are not read above.
      if (!away || now() - this.touched < byHandMs) this.hold("scroll", away);
      else if (!this.held) this.feed.scrollTop = this.feed.scrollHeight;
    };
    this.feed.onclick = (e) => this.click(e);
    // No frame comes then, and rows would pile up.
    document.addEventListener("visibilitychange", () => this.hold("hidden", document.hidden));
    $("hold").onclick = () => this.held ? this.resume() : this.hold("hand", true);
    for (const [key, name] of acts) {
      const b = button("", name === "delete" || name === "purge" || name === "ban" ? "act grave" : "act", () => { if (this.chosen) this.act(name, this.chosen.message); });
      b.dataset["act"] = name;
      b.append(element("kbd", "", key.toUpperCase()), element("span", ""));
      $("actButtons").append(b);
    }
    this.speak();
  }

  /** enter begins anew for another room. */
  enter(): void {
    this.intake = new Intake();
    this.clear();
    this.loose();
    this.choose(undefined);
    $("nothing").hidden = true;
    this.show();
  }

  /** epoch is the count that numbers belong to. */
  get epoch(): string {
    return this.intake.epoch ?? "";
  }

  /** held says that nothing is drawn. */
  get held(): boolean {
    return this.holds.size > 0;
  }

  /** take takes an answer of the node. */
  take(page: Page): void {
    const { rows, passed, gone, anew } = this.intake.take(page, this.held, now());
    if (anew) {
      this.clear();
      this.choose(undefined);
      this.feed.append(element("p", "note", t("anew")));
    }
    if (passed > 0) this.queue.push(passed);
    this.queue.push(...rows);
    if (this.rows.length === 0) while (this.queue.length > 0) this.drip();
    this.gap = dripMs / Math.max(1, this.queue.length);
    this.run();
    for (const seq of gone) this.mark((m) => m.seq === seq);
    this.show();
  }

  /** did marks what a moderator took away, as the log says. */
  did({ verb, seq, target, since = 0, at }: Entry): void {
    if (verb === "delete") this.mark((m) => m.seq === seq);
    if (verb === "purge") this.mark((m) => m.user_id === target && m.ts >= since && m.ts <= at);
    if (verb === "clear") this.mark((m) => m.ts <= at);
  }

  /** mark marks rows as taken away: a moderator still reads what it was. */
  mark(which: (m: Message) => boolean): void {
    this.queue = this.queue.filter((m) => typeof m === "number" || !which(m));
    for (const { message, node } of this.rows) {
      if (node.classList.contains("gone") || !which(message)) continue;
      node.classList.add("gone");
      node.append(element("span", "tag", t("gone")));
    }
  }

  /** speak shows the texts anew. */
  speak(): void {
    for (const b of $("actButtons").children) setText(b.lastElementChild as HTMLElement, t((b as HTMLElement).dataset["act"] as Act));
    this.choose(this.chosen, false);
    this.show();
  }

  /** resume lets the rows go on. */
  resume(): void {
    this.choose(undefined);
    this.loose();
    this.intake.resume();
    this.feed.scrollTop = this.feed.scrollHeight;
    this.show();
    this.run();
  }

  private loose(): void {
    this.holds.clear();
    if (document.hidden) this.holds.add("hidden");
  }

  private hold(why: Hold, on: boolean): void {
    if (this.holds.has(why) === on) return;
    if (on) this.holds.add(why);
    else this.holds.delete(why);
    if (!this.held) {
      this.intake.resume();
      this.run();
    }
    this.show();
  }

  private key(e: KeyboardEvent, undo: () => void): void {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const at = this.chosen ? this.rows.indexOf(this.chosen) : this.rows.length;
    const to = { j: at + 1, arrowdown: at + 1, k: at - 1, arrowup: at - 1, home: 0, end: this.rows.length - 1 }[e.key.toLowerCase()];
    const act = acts.find(([key]) => key === e.key.toLowerCase());
    if (to !== undefined) this.choose(this.rows[Math.max(0, Math.min(this.rows.length - 1, to))]);
    else if (e.key === "Escape" && this.held) {
      this.resume();
      this.feed.focus({ preventScroll: true });
    } else if (act && this.chosen && !e.repeat) this.act(act[1], this.chosen.message);
    else if (e.key.toLowerCase() === "z" && !e.repeat) undo();
    else return;
    e.preventDefault();
  }

  private click(e: Event): void {
    const node = (e.target as HTMLElement).closest<HTMLElement>(".row"), row = this.rows.find((r) => r.node === node);
    if (!row) return;
    if ((e.target as HTMLElement).closest(".name")) this.act("card", row.message);
    if (row === this.chosen && !(e.target as HTMLElement).closest(".name") && !getSelection()?.toString()) return this.resume();
    this.choose(row);
  }

  private choose(row: Row | undefined, focus = true): void {
    if (row !== this.chosen) this.chosen?.node.removeAttribute("aria-current");
    this.chosen = row;
    for (const b of $("actButtons").children) (b as HTMLButtonElement).disabled = !row;
    const text = $("chosen");
    text.replaceChildren();
    if (row) {
      row.node.setAttribute("aria-current", "true");
      text.append(own("b", "", sender(row.message)), " ", own("span", "body", row.message.body));
      if (focus) row.node.focus();
    } else text.append(t("noneChosen"));
    this.hold("chosen", row !== undefined);
  }

  private clear(): void {
    this.feed.replaceChildren();
    this.feed.hidden = true; // A feed has articles.
    this.rows = [];
    this.queue = [];
  }

  private run(): void {
    if (this.dripping) return;
    this.dripping = true;
    requestAnimationFrame(() => this.frame());
  }

  private frame(): void {
    this.dripping = false;
    if (this.queue.length === 0 || this.held) return;
    if (now() - this.last >= this.gap) {
      this.drip();
      this.last = now();
      this.feed.scrollTop = this.feed.scrollHeight;
    }
    this.run();
  }

  private drip(): void {
    const next = this.queue.shift();
    if (next === undefined) return;
    if (typeof next === "number") this.feed.append(element("p", "note", count("passed", next)));
    else {
      const row = { message: next, node: this.node(next) };
      this.rows.push(row);
      this.feed.append(row.node);
      this.feed.hidden = false;
      $("nothing").hidden = true;
    }
    while (this.feed.childElementCount > mostRows) {
      if (this.rows[0]?.node === this.feed.firstElementChild) this.rows.shift();
      this.feed.firstElementChild!.remove();
    }
    this.feed.scrollTop = this.feed.scrollHeight;
  }

  private node(m: Message): HTMLElement {
    const node = element("article", `row ${m.kind === "chat" ? "" : "special"}`), who = sender(m), name = button("", "name", () => {}), badge = badgeOf(m);
    node.tabIndex = -1;
    node.style.setProperty("--hue", String(hueOf(m.user_id)));
    const face = element("span", "face", initial(who)), body = own("span", "body", m.body), id = `m${++this.posts}`;
    face.ariaHidden = "true";
    name.append(own("bdi", "", who));
    name.tabIndex = -1;
    name.id = `${id}n`;
    body.id = id;
    node.setAttribute("aria-labelledby", `${name.id} ${id}`);
    node.setAttribute("aria-posinset", String(this.posts));
    node.setAttribute("aria-setsize", "-1");
    const at = element("time", "", time(m.ts)) as HTMLTimeElement;
    at.dateTime = new Date(m.ts).toISOString();
    node.append(face, at, name);
    if (badge) node.append(element("span", "tag role", t(badge as Text)));
    if (m.kind !== "chat") node.append(element("span", "tag", m.kind === "gift" ? t("gift") : m.kind));
    node.append(body);
    return node;
  }

  private show(): void {
    const { rate, share } = this.intake.pace(now()), why = holdWords.find(([hold]) => this.holds.has(hold));
    $("strip").classList.toggle("on", this.held);
    setText($("hold"), t(this.held ? "goOn" : "hold"));
    $("hold").ariaPressed = String(this.held);
    const counted = count("since", this.intake.all), drawn = share ? t("sample", { part: share.part, whole: share.whole }) : t("all");
    setText($("sample"), why ? `${t(why[1])}${this.intake.behind > 0 ? ` · ${t("behind", { n: this.intake.behind })}` : ""}` : `${drawn} · ${counted}`);
    this.feed.ariaBusy = String(this.dripping);
    this.rate = rate;
    if (this.intake.epoch !== undefined && this.rows.length === 0 && this.queue.length === 0) {
      $("nothing").hidden = false;
      setText($("nothing"), t("nothing"));
    }
  }

  /** rate is how many messages a second came of late. */
  rate = 0;
}
