// The moderation console: which room, which view, and what is asked for when.

import { isolated, tame } from "../../client/src/show/tame.js";
import { looks } from "../src/looks.js";
import { type Language, speak } from "../src/texts.js";
import { Acts } from "./acts.js";
import { Api, Failed, type Figures, type Message, type Page, part } from "./api.js";
import { $, element, note, setText } from "./dom.js";
import { HeldPanel } from "./held.js";
import { pageSize } from "./intake.js";
import { LogPanel } from "./log.js";
import { StormMeter } from "./meter.js";
import { Poll } from "./poll.js";
import { RoomPanel } from "./room.js";
import { Rooms } from "./rooms.js";
import { type Act, acts as keys, Stream } from "./stream.js";
import { count, t, type Text } from "./texts.js";
import { UserPanel } from "./user.js";
import { WordTest } from "./words.js";

/** every is ms between two questions; figures that nobody looks at are asked for less often. */
const every = { messages: 500, figures: 2000, rooms: 3000, order: 3000, held: 3000, log: 3000, hidden: 10_000 };

const sides = ["held", "user", "room", "words", "log"];

let room = "", figures: Figures | undefined, lacksRooms = false;
const now = () => room;

const api = new Api(), meter = new StormMeter();
const acts = new Acts(api, now, ({ verb }) => {
  for (const poll of [polls.log, polls.messages, polls.held]) poll.soon();
  if (verb !== "modes") polls.order.soon();
  user.again();
}, (id, ms) => order.longer(id, ms), (id, verb) => order.standing(id, verb));
const order = new RoomPanel(api, acts, now);
const user = new UserPanel(api, acts, now, order, remove), words = new WordTest(api);
const held = new HeldPanel(api, acts, now, card);
const rooms = new Rooms(api, (id) => open(id));
const log = new LogPanel(api, now, (e) => stream.did(e));
const stream = new Stream(act, () => acts.undo());

/** paced is a time between questions, longer where nobody looks. */
const paced = (ms: number, looks = () => true) => () => document.hidden ? Math.max(ms, every.hidden) : looks() ? ms : 2 * ms;
const sees = (view: string) => () => document.body.dataset["side"] === view || document.body.dataset["view"] === view;

const polls = {
  rooms: new Poll(paced(every.rooms), async () => {
    await rooms.ask();
    rooms.choose(room);
    if (!room) well();
  }, (err) => { if (!room) troubled(err); }),
  messages: new Poll(paced(every.messages), async (late) => {
    const of = room, page = await api.get<Page>(`rooms/${part(of)}/messages?limit=${pageSize}`);
    if (late()) return; // Its numbers would go back.
    well();
    stream.take(page);
  }, troubled),
  figures: new Poll(paced(every.figures), async () => {
    const of = room, found = lacksRooms ? rooms.of(of) : await api.get<Figures>(`rooms/${part(of)}`).catch((err: unknown) => {
      lacksRooms = err instanceof Failed && err.status === 403;
      // Nobody has sent anything there.
      if (err instanceof Failed && [403, 404].includes(err.status)) return rooms.of(of);
      throw err;
    });
    if (of !== room) return;
    figures = found;
    meter.take(found, stream.rate);
    facts();
  }),
  held: new Poll(paced(every.held), () => held.ask()),
  order: new Poll(paced(every.order, sees("room")), () => order.ask()),
  log: new Poll(paced(every.log, sees("log")), () => log.ask()),
};
const ofRoom = [polls.messages, polls.figures, polls.held, polls.order, polls.log];

const removed = new Set<string>(); // In this room, by hand: a second click takes nothing away.

function remove(m: Message, epoch: string): void {
  const key = `${epoch} ${m.seq}`, verb = { verb: "delete", seq: m.seq, epoch, user_id: m.user_id, ts: m.ts };
  if (removed.has(key)) return;
  removed.add(key);
  void acts.do(verb, "didDelete", { who: tame(m.user_id), seq: m.seq }, "delete").then((done) => {
    if (done) stream.mark(({ seq }) => seq === m.seq);
    else removed.delete(key);
  });
}

function act(name: Act, m: Message): void {
  if (name === "delete") remove(m, stream.epoch);
  else if (name === "mute") acts.mute(m.user_id);
  else if (name === "ban") void acts.ban(m.user_id);
  else if (name === "purge") void acts.purge(m.user_id);
  else if (name === "pin") void acts.do({ verb: "pin", seq: m.seq, epoch: stream.epoch }, "didPin", { seq: m.seq }, "pin");
  else card(m.user_id);
}

function card(id: string): void {
  view("user");
  void user.look(id);
}

/** open opens a room; "" is none. */
function open(id: string): void {
  room = id.toWellFormed();
  figures = undefined;
  history.replaceState(null, "", room ? `#room=${part(room)}` : location.pathname);
  document.title = room ? `${isolated(room)} · ${t("title")}` : t("title");
  $("streamTitle").textContent = room ? tame(room) : t("pickRoom");
  document.body.classList.toggle("in", room !== "");
  $("modes").replaceChildren();
  $<HTMLDialogElement>("ask").close(); // Its question is about the room before.
  acts.forget();
  removed.clear();
  meter.clear();
  stream.enter();
  for (const panel of [held, order, log, user]) panel.clear();
  rooms.choose(room);
  facts();
  for (const poll of ofRoom) if (room) poll.start(); else poll.stop();
  view(room ? "stream" : "rooms");
}

function facts(): void {
  setText($("facts"), room && figures ? [count("viewers", figures.online), t("perSecond", { n: Math.round(10 * figures.rate) / 10 })].join(" · ") : "");
}

/** view shows a view: beside the messages where there is room, else alone. */
function view(name: string): void {
  document.body.dataset["view"] = name;
  if (sides.includes(name)) document.body.dataset["side"] = name;
  current();
}

function current(): void {
  const { view: shown, side } = document.body.dataset;
  for (const b of document.querySelectorAll<HTMLElement>("nav [data-view]")) {
    const name = b.dataset["view"]!, wide = matchMedia("(min-width: 761px)").matches && sides.includes(name);
    b.ariaCurrent = String(wide ? name === side : name === shown);
  }
}

let trouble: Failed | undefined;

function troubled(err: unknown): void {
  if (!(err instanceof Failed)) throw err;
  if (err.status === 401) return; // The door is open.
  trouble = err;
  showTrouble();
}

function well(): void {
  if (!trouble && $("link").dataset["state"] === "live") return;
  trouble = undefined;
  showTrouble("live");
}

function showTrouble(state = $("link").dataset["state"]!): void {
  const said = trouble && (trouble.status === 403 ? `${t("denied", { why: trouble.message })} ${t("deniedNext", { can: "moderate, rooms, ops" })}` : t(trouble.status === 0 || trouble.code === "offline" ? "offlineWhat" : trouble.status === 503 ? "storeWhat" : "troubleWhat", { why: trouble.words }));
  $("link").dataset["state"] = trouble ? "off" : state;
  setText($("link"), t(trouble ? "offline" : state === "live" ? "live" : "connecting"));
  $("trouble").hidden = !said;
  setText($("troubleText"), said ?? "");
  $("forget").hidden = !api.keyed;
}

$("retry").onclick = () => { for (const poll of [polls.rooms, ...ofRoom]) poll.soon(); };
addEventListener("online", () => $("retry").click());
document.addEventListener("visibilitychange", () => { if (!document.hidden) $("retry").click(); });

const door = $<HTMLDialogElement>("door"), field = $<HTMLInputElement>("key");
api.locked = (wrong) => {
  for (const poll of [polls.rooms, ...ofRoom]) poll.stop();
  api.use(""); // The tab keeps no key that nobody knows.
  note("doorWhy", wrong ? t("doorWrong") : "");
  if (!door.open) door.showModal();
};
door.oncancel = (e) => e.preventDefault();
// Browsers close it by a second Escape, however the first was answered.
door.onclose = () => { if (!api.keyed) door.showModal(); };
door.querySelector("form")!.onsubmit = () => {
  api.use(field.value.trim());
  field.value = "";
  start();
};
$("forget").onclick = () => {
  api.use("");
  location.reload();
};

function start(): void {
  lacksRooms = false;
  showTrouble("wait");
  polls.rooms.start();
  if (room) for (const poll of ofRoom) poll.start();
}

function setLanguage(language: Language): void {
  speak(language);
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const e of document.querySelectorAll<HTMLElement>("[data-t]")) e.textContent = t(e.dataset["t"] as Text);
  for (const e of document.querySelectorAll<HTMLElement>("[data-label]")) e.ariaLabel = t(e.dataset["label"] as Text);
  for (const e of document.querySelectorAll<HTMLElement>("[data-title]")) e.ariaLabel = e.title = t(e.dataset["title"] as Text);
  for (const e of document.querySelectorAll<HTMLInputElement>("[data-hint]")) e.placeholder = t(e.dataset["hint"] as Text);
  $("keyList").replaceChildren(...([["J", "keyDown"], ["K", "keyUp"], ["Home · End", "keyEnds"], ["Esc", "keyEscape"], ...keys.map(([key, name]) => [key.toUpperCase(), name] as const), ["Z", "undo"]] as const).flatMap(([key, text]) => {
    const dt = element("dt");
    dt.append(element("kbd", "", key));
    return [dt, element("dd", "", t(text).replace("…", ""))];
  }));
  for (const panel of [stream, held]) panel.speak();
  for (const panel of [order, user, log, words, meter]) panel.show();
  rooms.show();
  if (!room) {
    $("streamTitle").textContent = document.title = t("title");
    $("streamTitle").textContent = t("pickRoom");
    for (const panel of [held, order, log, user]) panel.clear();
  }
  facts();
  showTrouble();
}

$("help").onclick = () => $<HTMLDialogElement>("keys").showModal();
for (const b of document.querySelectorAll<HTMLElement>("nav [data-view]")) b.onclick = () => view(b.dataset["view"]!);
matchMedia("(min-width: 761px)").onchange = current;

/** asked is the room that the address names; "" for none. */
function asked(): string {
  try {
    return decodeURIComponent(/#room=(.*)/.exec(location.hash)?.[1] ?? "");
  } catch {
    return "";
  }
}

addEventListener("hashchange", () => { if (asked() !== room) open(asked()); });

looks(setLanguage, [$("language")]);
open(asked());
start();
