// One stay in one room: events of the source go to the list, the sky and the counters.

import { type BarrageError, type Can, type Cleared, type Counters, forGood, type Held, type Message, type Moderation, type Modes, type Purged, SendError, type State, type Storm, type You } from "../../client/src/index.js";
import { isLocal, isPurged } from "../../client/src/stream.js";
import { readModes } from "../../client/src/wire.js";
import { means } from "../../client/src/recalls.js";
import { hueOf, nameOf } from "../../client/src/show/names.js";
import { Budget, Meter, shareOf } from "../../client/src/show/pace.js";
import { Sky } from "../../client/src/show/sky.js";
import { isolated, tame } from "../../client/src/show/tame.js";
import { Announcer } from "./announce.js";
import { Banner } from "./banner.js";
import { Chat, isSaid, type Unsent } from "./chat.js";
import { now, ServerClock } from "./clock.js";
import { Desk } from "./desk.js";
import { $ } from "./dom.js";
import { Emotes } from "./emotes.js";
import type { Flying } from "./flying.js";
import { type Gate, gateOf } from "./gate.js";
import { Gifts } from "./gifts.js";
import { Burst, Hearts } from "./hearts.js";
import { HeldList } from "./held.js";
import { holds, isMuted, isPause, lineOf, orderGateOf, type Pause } from "./order.js";
import { answerTo, calls } from "./refer.js";
import type { Source } from "./source.js";
import { Stage } from "./stage.js";
import { number, t, type Text } from "./texts.js";
import { why, whyOf } from "./why.js";

const rowsPerSecond = 30; // Nobody reads faster; more would only scroll past.
const pageOfHistory = 50;

/**
 * keepsId are the ends of a send after which the room may have the message, or may take it later as it is. It goes
 * again under its id.
 */
const keepsId: readonly string[] = ["timeout", "unconfirmed", "closed", "network", "overflow", "expired", "store_refused"];

const onItsWay: Unsent = { state: "sending", says: () => t("sending") };

/** Session binds a source to the page until it ends. */
export class Session {
  private readonly chat: Chat;
  private readonly sky = new Sky($<HTMLCanvasElement>("sky"));
  private readonly stage = new Stage($<HTMLCanvasElement>("video"));
  private readonly still = matchMedia("(prefers-reduced-motion: reduce)");
  private readonly hearts = new Hearts($("hearts"), this.still);
  private readonly announcer = new Announcer($("heard"));
  private readonly banner = new Banner();
  private readonly gifts = new Gifts($("gifts"));
  private readonly desk = new Desk((op, name) => this.moderate(op, name));
  private readonly heldList = new HeldList((op, name) => this.moderate(op, name));
  private readonly emotes = new Emotes(() => this.chat.redraw());
  private burst = new Burst((n) => this.source?.like(n));
  private source: Source | undefined;
  private stop: (() => void)[] = [];
  private me = "";
  private info: Message["user"]; // The server sends it beside my messages, once it has.
  private guest = false;
  private can: readonly Can[] | undefined; // Not known before the welcome.
  private gate: Gate | undefined;
  private modes = readModes(undefined);
  private you: You = { role: "", mutedUntil: 0, reason: "", can: [] };
  private restricted = false; // The room has refused a message since only some may write.
  private pause: Pause | undefined;
  private storm: Storm | undefined;

  private state: State = { name: "idle", reason: "new", closeCode: 0 };
  private budget = new Budget(rowsPerSecond, 2 * rowsPerSecond);
  // Messages that call me are listed beside the budget of all, so far as one can read them.
  private readonly calls = new Budget(2, 10);
  private readonly arrivals = new Meter();
  private readonly listed = new Meter();
  private limit = 0; // Of a message, in bytes; 0 = not known.
  private recallMs = 0; // How old a message may be that is recalled. The server decides, this is when the button goes.
  private readonly clock = new ServerClock();
  private online = 0;
  private likes = 0; // As shown: the server's count, and clicks that it will count.
  private counted = 0; // As the server counted them last.
  private clickedAt = 0;
  private loading = false; // Older messages are on their way.
  private atBeginning = false; // The oldest message of the room is in the list, or history has no more.
  private combo = 0;
  private sendingSince = 0;
  private sends = 0;
  private sayAgainAt = 0; // When the room takes the next message of ours, by now.
  private retryAt = 0; // When the next connection is tried, by now.
  // Ids of messages of ours that came before their answer, which has not come yet or was a refusal.
  private readonly here = new Set<string>();
  private readonly waiting = new Set<string>(); // Ids whose answer is awaited.
  private alone = false; // The node has lost the others.
  private flies = true;
  private noticeTimer = 0;
  private answered: Message | undefined; // The message that the next one answers.
  private readonly answers = new WeakMap<Message, Message>(); // The messages that ours on their way answer.
  private title = "";
  private unseen = 0; // Messages that came while the page was hidden.

  /** through is called by who wants to write, and may not: see Gate. */
  constructor(through: (gate: Gate) => void) {
    this.chat = new Chat({
      log: $("log"), list: $("rows"), pill: $<HTMLButtonElement>("pill"),
      me: () => this.me,
      emotes: this.emotes,
      myName: () => this.myName,
      mayAnswer: () => this.may("send"),
      answer: (m) => this.answer(m),
      mayRecall: (m) => this.may("recall") && this.clock.date - m.ts < this.recallMs,
      recall: (m) => void this.recall(m),
      mayModerate: () => this.mayModerate,
      moderate: (m, epoch) => this.desk.about(m, epoch, this.me),
      again: (m) => this.again(m),
      discard: (m) => {
        this.here.delete(m.id);
        this.chat.unsent(m.id, undefined);
      },
      older: () => void this.loadOlder(),
    });
    $<HTMLFormElement>("composer").onsubmit = (e) => {
      e.preventDefault();
      this.say();
    };
    $("answeringEnd").onclick = () => this.answer(undefined);
    $("say").onkeydown = (e) => {
      if (e.key === "Escape") this.answer(undefined);
    };
    document.addEventListener("visibilitychange", () => {
      this.unseen = 0;
      this.showTitle();
    });
    $("like").onclick = () => this.like();
    $("gateOffer").onclick = () => {
      if (this.gate?.how === "back") this.source?.connect();
      else if (this.gate) through(this.gate);
    };
    $("now").onclick = () => this.source?.connect();
    this.sky.pictures = this.emotes;
    void this.emotes.load();
    new ResizeObserver(() => this.sky.resize()).observe($("sky"));
    setInterval(() => this.tick(), 1000);
    setInterval(() => {
      this.showState();
      this.gifts.tick();
    }, 250);
    requestAnimationFrame((now) => this.frame(now));
  }

  /** name is what the page is called; how many messages came unseen stands before it. */
  name(title: string): void {
    this.title = title;
    this.unseen = 0;
    this.showTitle();
  }

  private showTitle(): void {
    const count = this.unseen > 999 ? "999+" : String(this.unseen), title = this.unseen ? `(${count}) ${this.title}` : this.title;
    if (document.title !== title) document.title = title;
  }

  /**
   * enter leaves the room of before, if any, and begins with this source; me is "" for a guest, and where the server
   * knows it.
   */
  enter(source: Source, me: string, guest = false): void {
    this.leave();
    this.source = source;
    this.me = me;
    this.info = undefined;
    this.guest = guest;
    this.can = undefined;
    this.rule(readModes(undefined));
    this.you = { role: "", mutedUntil: 0, reason: "", can: [] };
    this.restricted = false;
    this.pause = undefined;
    this.desk.show(false);
    this.showMe();
    this.listen(source);
    source.connect();
  }

  /** leave ends the stay and empties the page. */
  leave(): void {
    for (const off of this.stop.splice(0)) off();
    this.source?.close();
    this.source = undefined;
    this.state = { name: "idle", reason: "new", closeCode: 0 };
    this.burst = new Burst((n) => this.source?.like(n));
    this.empty();
  }

  /** speak shows all texts anew, in the language of now. */
  speak(): void {
    this.chat.redraw();
    this.answer(this.answered);
    this.emotes.speak();
    this.desk.speak();
    this.heldList.speak();
    this.showState();
    this.showMe();
    this.showCounters();
    this.tick();
  }

  /** fly lets comments fly or not, and says how. */
  fly(on: boolean, { opacity, size, speed, area }: Flying): void {
    const { style } = $("sky");
    this.flies = on;
    if (!on) this.sky.clear();
    this.sky.look = { family: getComputedStyle(document.body).fontFamily, times: size / 100, speed: speed / 100 };
    style.setProperty("--opacity", String(opacity / 100));
    style.setProperty("--area", String(area / 100));
  }

  private listen(source: Source): void {
    this.stop = [
      source.on("state", (state) => {
        this.state = state;
        this.retryAt = now() + (state.retryInMs ?? 0);
        if (state.name !== "open") this.storm = undefined; // Its end would not be received.
        this.showState();
      }),
      source.on("auth", ({ can }) => this.grant(this.me, this.guest, can)),
      source.on("welcome", (w) => {
        this.grant(w.userId || this.me, w.guest, w.you.can);
        this.you = w.you;
        this.rule(w.modes);
        this.limit = w.limits.maxBodyBytes;
        this.recallMs = w.limits.recallMs;
        this.online = w.online;
        this.likes = this.counted = w.likes;
        this.showCounters();
        void this.loadHeld();
      }),
      source.on("message", (m, { history }) => this.message(m, history)),
      source.on("recalled", (recalled) => {
        this.chat.takeBack(recalled);
        this.sky.drop((m) => means(recalled, m, true)); // They are of the last seconds: their numbers are of now.
        this.gifts.drop((m) => means(recalled, m, true));
        this.banner.drop((m) => means(recalled, m, true));
        if (this.answered && means(recalled, this.answered, true)) this.answer(undefined);
      }),
      source.on("room", (modes) => this.rule(modes)),
      source.on("you", (you) => {
        this.you = you;
        this.restricted = false;
        const moderated = this.mayModerate;
        this.grant(this.me, this.guest, you.can);
        if (!moderated) void this.loadHeld();
      }),
      source.on("purged", (purged) => this.purged(purged)),
      source.on("cleared", (cleared) => this.cleared(cleared)),
      source.on("held", (held) => this.held(held)),
      source.on("storm", (storm) => { this.storm = storm.level > 0 || storm.shown < storm.offered ? storm : undefined; }),
      source.on("gap", ({ from, to, reason }) => {
        if (reason === "shed" && this.storm) return; // That is shown above the list.
        this.chat.addGap(from === 1 ? 0 : to - from + 1); // From 1 on: also what is on the screen.
      }),
      source.on("counters", (c) => this.counters(c)),
      source.on("system", ({ message }) => this.notice(isolated(message))),
      source.on("epoch", ({ epoch }) => this.epoch(epoch)),
    ];
  }

  /** grant takes the user's name and permissions from the server. */
  private grant(me: string, guest: boolean, can: readonly Can[]): void {
    const recalled = this.may("recall"), sent = this.may("send"), moderated = this.mayModerate, before = this.me;
    this.me = me;
    this.guest = guest;
    this.can = can;
    // Which messages are one's own, and what can be done to them.
    if (before !== me || recalled !== this.may("recall") || sent !== this.may("send") || moderated !== this.mayModerate) this.chat.redraw();
    this.desk.show(this.mayModerate);
    if (!this.mayModerate) this.heldList.clear();
    this.showMe();
    this.showState();
  }

  private may(what: Can): boolean {
    return this.can?.includes(what) ?? true;
  }

  private get mayModerate(): boolean {
    return this.can?.includes("moderate") ?? false;
  }

  /** rule takes the room's rules. */
  private rule(modes: Modes): void {
    this.modes = modes;
    this.restricted = false;
    if (this.pause?.code === "slow_mode") this.pause = { ...this.pause, until: Math.min(this.pause.until, now() + modes.slowMs) };
    this.banner.pin(modes.pinned);
    this.desk.set(modes);
    this.showState();
  }

  private purged(purged: Purged): void {
    const gone = (m: Message) => isPurged(m, purged);
    this.chat.drop(gone);
    this.sky.drop(gone);
    this.gifts.drop(gone);
    this.banner.drop(gone);
    if (this.answered && gone(this.answered)) this.answer(undefined);
  }

  private cleared(cleared: Cleared): void {
    const gone = (m: Message) => m.seq <= cleared.seq;
    this.chat.clearTo(cleared);
    this.sky.drop(gone);
    this.gifts.drop(gone);
    this.banner.drop(gone);
    this.chat.add({ note: { note: "cleared", blanks: {} } });
  }

  /** moderate does what a moderator asks for, and says how that went. */
  private async moderate(op: Moderation, name: Text): Promise<void> {
    const source = this.source;
    try {
      const done = await source?.moderate(op);
      if ("held" in op) this.heldList.drop(op.held);
      if (source !== this.source || !done) return;
      this.notice(t(done.before ? "didBefore" : done.n === 1 ? "didSome_one" : done.n ? "didSome" : "did", { what: t(name), n: done.n }));
    } catch (err) {
      if ("held" in op && err instanceof SendError && err.code === "not_found") this.heldList.drop(op.held);
      if (source === this.source) this.notice(t("notDone", { what: t(name), why: whyOf(err, "mod") }));
    }
  }

  /** held takes what waits for a moderator, or what became of it. */
  private held(held: Held): void {
    if (this.mayModerate) this.heldList.take(held);
    const ends: Record<string, Text> = { denied: "heldDenied", dropped: "heldDropped" };
    const end = ends[held.state];
    if (held.userId === this.me && held.state !== "waiting") this.chat.unsent(held.id, end && { state: "held", says: () => t(end) });
  }

  /** loadHeld reads what waits already. */
  private async loadHeld(): Promise<void> {
    const source = this.source;
    this.heldList.clear(); // First: messages that come meanwhile stay.
    if (!source || !this.mayModerate) return;
    try {
      const all = await source.held();
      if (source !== this.source || !this.mayModerate) return;
      for (const held of all) this.heldList.take(held);
    } catch (err) {
      if (source === this.source) this.notice(t("noHeld", { why: whyOf(err, "read") }));
    }
  }

  private empty(): void {
    this.chat.clear();
    this.here.clear();
    this.heldList.clear();
    this.sky.clear();
    this.gifts.clear();
    this.answer(undefined);
    this.banner.hear(undefined);
    this.storm = undefined;
    this.atBeginning = this.alone = false;
  }

  /** epoch: numbers go on from elsewhere, which is worth a word where that is another count. */
  private epoch(epoch: string): void {
    const note = isLocal(epoch) ? "alone" : this.alone ? "together" : "epoch", before = this.chat.count(epoch);
    this.alone = isLocal(epoch);
    if (before !== epoch && (before || this.alone)) this.chat.add({ note: { note, blanks: {} } });
  }

  private message(m: Message, history: boolean): void {
    this.chat.count(this.source!.epoch); // An empty room had none.
    const mine = m.userId === this.me, said = isSaid(m);
    if (mine) this.arrivedMine(m);
    if (history || m.recalled) return this.chat.add({ message: m });
    this.clock.heard(m.ts);
    this.arrivals.add();
    this.chat.arrived(1);
    if (said) this.banner.hear(m);
    if (document.hidden && !mine) this.unseen++;
    const called = !mine && calls(m, { id: this.me, name: this.myName });
    if (mine || said || (called && this.calls.take(now())) || this.budget.take(now())) {
      this.listed.add();
      this.chat.add({ message: m });
    }
    const name = said ? t("roomSays") : nameOf(m);
    if (!mine) this.announcer.heard(name, m.body, called);
    if (m.kind === "gift" && !document.hidden) return this.gifts.add(m);
    if (!this.flies || this.still.matches || document.hidden) return;
    this.sky.add({ message: m, text: m.body, look: mine ? "mine" : said ? "gift" : "plain", hue: hueOf(m.userId) });
  }

  /** arrivedMine takes a message of one's own, whose row of before has done its service. */
  private arrivedMine(m: Message): void {
    this.info = m.user ?? this.info;
    this.chat.unsent(m.id, undefined);
    if (this.waiting.has(m.id)) this.here.add(m.id);
  }

  private counters({ online, likes }: Counters): void {
    const news = likes - this.counted;
    this.counted = likes;
    this.online = online;
    const clicking = performance.now() - this.clickedAt < 2500;
    if (news > 0 && !clicking) this.hearts.float(news);
    if (news > 0) this.stage.cheer(news);
    this.likes = clicking ? Math.max(likes, this.likes) : likes;
    this.showCounters();
  }

  private like(): void {
    const now = performance.now();
    this.combo = now - this.clickedAt < 900 ? this.combo + 1 : 1;
    this.clickedAt = now;
    this.likes++;
    this.burst.add();
    this.hearts.float(1);
    this.stage.cheer(2);
    const combo = $("combo");
    combo.textContent = `+${this.combo}`;
    combo.classList.toggle("on", this.combo > 1);
    this.showCounters();
  }

  private say(): void {
    const field = $<HTMLInputElement>("say"), body = field.value.trim();
    if (!body || !this.source || holds(this.pause, body, now())) return;
    if (this.limit && new TextEncoder().encode(body).length > this.limit) return this.notice(t("tooLong", { n: this.limit }));
    field.value = "";
    const message: Message = { seq: 0, kind: "chat", userId: this.me, body, ts: Math.round(this.clock.date), id: newId(), recalled: false, ...(this.info ? { user: this.info } : {}), ...(this.answered ? { ext: answerTo(this.answered) } : {}) };
    if (this.answered) this.answers.set(message, this.answered);
    this.answer(undefined);
    this.chat.add({ message, unsent: onItsWay });
    void this.send(message);
  }

  private get myName(): string {
    return nameOf({ userId: this.me, ...(this.info ? { user: this.info } : {}) });
  }

  /** answer makes the next message an answer to this one; undefined makes it one to nobody. */
  private answer(message: Message | undefined): void {
    if (message && this.gate) return;
    this.answered = message;
    show($("answeringTo"), message ? t("answering", { who: nameOf(message), body: tame(message.body).slice(0, 100) }) : "");
    $("answering").hidden = !message;
    if (message) $("say").focus();
  }

  /** again sends a message that did not get there under the id it had: the room may have taken it. */
  private again(message: Message): void {
    if (!this.source || holds(this.pause, message.body, now())) return;
    this.chat.unsent(message.id, onItsWay);
    void this.send(message);
  }

  private async send(message: Message): Promise<void> {
    const { source } = this, { id, body, ext } = message;
    this.sayAgainAt = 0;
    this.chat.follow();
    this.waiting.add(id);
    if (!this.sends++) this.sendingSince = now();
    try {
      await source!.send(body, { id, ...(ext === undefined ? {} : { ext }) });
      if (source !== this.source) return;
      this.chat.unsent(id, this.here.delete(id) ? undefined : { state: "sent", says: () => t("sent") });
      if (this.modes.slowMs && ["", "viewer"].includes(this.you.role)) this.pause = { code: "slow_mode", until: now() + this.modes.slowMs, body };
    } catch (err) {
      if (source === this.source) this.failed(message, err);
    } finally {
      this.waiting.delete(id);
      this.sends--;
      this.showState();
    }
  }

  /**
   * failed keeps a message that is not in the room. A moderator has it, the field gets it back, or its row may send it
   * again.
   */
  private failed(message: Message, err: unknown): void {
    const { id, body } = message, field = $<HTMLInputElement>("say"), code = err instanceof SendError ? err.code : "";
    this.notSent(err as Partial<BarrageError>, body);
    if (code === "held") return this.chat.unsent(id, { state: "held", says: () => t("heldMine") });
    this.chat.unsent(id, undefined);
    if (this.here.has(id) && code !== "expired") return; // The others here have it: it is on its way.
    if (!keepsId.includes(code) && !field.value) { // The room does not want it so; it is there to be changed.
      field.value = body;
      if (!this.answered) this.answer(this.answers.get(message));
    }
    // At the end: there it is seen.
    else this.chat.add({ message, unsent: { state: "failed", says: () => t("notSent", { why: whyOf(err, "send") }) } });
  }

  /** notSent says why a message was refused, and how long that lasts. */
  private notSent(err: Partial<BarrageError>, body: string): void {
    const { code = "", retryAfterMs = 0 } = err;
    this.notice(code === "held" ? t("held") : t("notSent", { why: whyOf(err, "send") }));
    if (code === "muted") this.you = { ...this.you, mutedUntil: retryAfterMs ? this.clock.date + retryAfterMs : forGood };
    else if (code === "restricted") this.restricted = true;
    else if (isPause(code) && retryAfterMs) this.pause = { code, until: now() + retryAfterMs, body };
    else this.sayAgainAt = now() + retryAfterMs;
  }

  private async recall(m: Message): Promise<void> {
    const source = this.source;
    try {
      await source?.recall(m.seq);
    } catch (err) {
      if (source === this.source) this.notice(t("notRecalled", { why: whyOf(err, "recall") }));
    }
  }

  private async loadOlder(): Promise<void> {
    const source = this.source, before = this.chat.firstSeq ?? 1;
    if (this.loading || this.atBeginning || before <= 1 || !this.chat.mayGrow || !source) return;
    this.loading = true;
    try {
      const found = await source.messages(before, pageOfHistory);
      if (source !== this.source) return;
      this.chat.addOlder(found.map((message) => ({ message })));
      this.atBeginning = !found.length;
    } catch (err) {
      if (source === this.source) this.notice(t("noOlder", { why: whyOf(err, "read") }));
    } finally {
      this.loading = false;
    }
  }

  private frame(now: number): void {
    requestAnimationFrame((next) => this.frame(next));
    this.stage.draw(this.still.matches ? 800 : now);
    this.sky.draw(performance.now());
    if (this.chat.drawIfDirty()) this.showEmpty();
  }

  /** tick keeps up what changes with time. */
  private tick(): void {
    const at = now(), rate = this.arrivals.perSecond(at), listed = this.listed.perSecond(at), frame = performance.now(), offered = this.sky.offered.perSecond(frame);
    const share = offered < 3 ? undefined : shareOf(this.sky.shown.perSecond(frame), offered);
    show($("sample"), share && this.flies ? t("sample", { rate: Math.round(rate), ...share }) : "");
    const part = rate > 5 ? shareOf(listed, rate) : undefined;
    show($("listSample"), part ? t("sampleList", { rate: Math.round(rate), ...part }) : "");
    show($("storm"), this.storm ? t("storm", { shown: this.storm.shown, offered: this.storm.offered }) : "");
    this.showTitle();
    this.banner.tick();
    this.heldList.tick(this.clock.date);
    if (this.chat.short) void this.loadOlder(); // Nobody can scroll up in a list that does not fill its place.
    this.chat.refresh();
  }

  private showState(): void {
    const { name, reason } = this.state, field = $("state");
    const said = why(reason, "stay"), live = name === "waiting" ? said : name === "closed" ? t("closed", { why: said }) : t(name);
    if (field.textContent !== live) field.textContent = live;
    field.dataset["state"] = name;
    const sending = this.sends > 0 && now() - this.sendingSince > 400;
    const seconds = (at: number) => Math.max(0, Math.ceil((at - now()) / 1000)), n = seconds(this.sayAgainAt);
    const wait = name === "waiting" ? t("waiting", { n: seconds(this.retryAt) }) : sending ? t("sending") : name === "open" && n > 0 ? t("sayAgain", { n }) : "";
    $("wait").textContent = wait && ` · ${wait}`;
    const back = $("now"), focused = back === document.activeElement;
    this.showGate();
    this.showPause();
    this.showEmpty();
    show(back, name === "waiting" ? t("now") : name === "closed" && this.mayComeBack ? t("again") : "");
    if (focused && back.hidden) $("log").focus({ preventScroll: true }); // Else the focus is lost.
  }

  /** mayComeBack says that connecting again may help: where a login has ended it does not. */
  private get mayComeBack(): boolean {
    return this.state.name !== "closed" || !this.gate || this.gate.how === "door";
  }

  /** showPause says below the field why to wait. */
  private showPause(): void {
    const at = now(), line = this.source && lineOf(this.pause, this.modes.slowMs, at), body = $<HTMLInputElement>("say").value.trim();
    show($("pause"), line ? t(line.text, { n: line.n }) : "");
    $("send").ariaDisabled = String(holds(this.pause, body, at));
  }

  /** showEmpty says that there are no messages yet, where there are none. */
  private showEmpty(): void {
    show($("empty"), this.chat.empty && this.state.name === "open" ? t(this.gate ? "nothingYet" : "sayHello") : "");
  }

  /** showGate lets users write who may, and shows the others what they can do instead. */
  private showGate(): void {
    const composer = $("composer"), gate = $("gate"), like = $<HTMLButtonElement>("like");
    const focused = [composer, gate, like].find((e) => e.contains(document.activeElement));
    const at = this.clock.date, { state, modes, you, restricted } = this;
    const verdict = { state, modes, you: { ...you, can: this.can ?? [] }, restricted, now: at };
    this.gate = this.source && (gateOf(state, this.guest, this.can) ?? orderGateOf(verdict));
    like.disabled = !this.may("like") || !this.mayComeBack || (this.guest && !this.can) || isMuted(you, at);
    composer.hidden = this.gate !== undefined;
    gate.hidden = !this.gate;
    const { why, blanks, reason, wait, n = 0, offer } = this.gate ?? {};
    show($("gateWhy"), why ? t(why, blanks) + (reason ? ` ${t("because", { reason })}` : "") : "");
    show($("gateWait"), wait ? t(wait, { n }) : "");
    show($("gateOffer"), offer ? t(offer) : "");
    if (focused === like && like.disabled) $("log").focus({ preventScroll: true }); // Else the focus is lost.
    else if (focused?.hidden || (focused === gate && $("gateOffer").hidden)) $(!this.gate ? "say" : offer ? "gateOffer" : "log").focus({ preventScroll: true });
  }

  private showMe(): void {
    const me = ($("me").textContent = this.guest ? t("guest") : tame(this.me));
    // Users who speak to the page say what stands there.
    $("change").ariaLabel = me ? t("changeFrom", { me }) : t("change");
  }

  private showCounters(): void {
    $("online").textContent = this.online ? t("online", { n: this.online }) : "";
    $("likes").textContent = this.likes ? `♥ ${number(this.likes)}` : "";
    $("like").ariaLabel = t("likeLabel", { n: this.likes });
  }

  /** notice shows something for six seconds. */
  notice(text: string): void {
    $("notice").textContent = text;
    clearTimeout(this.noticeTimer);
    this.noticeTimer = setTimeout(() => { $("notice").textContent = ""; }, 6000) as unknown as number;
  }
}

/** newId names a message of ours. */
function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(3)), (n) => n.toString(36)).join("-");
}

function show(element: HTMLElement, text: string): void {
  element.hidden = !text;
  if (element.textContent !== text) element.textContent = text;
}
