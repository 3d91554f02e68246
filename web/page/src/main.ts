// The page: language, colours, the door, and a session behind it.

import { flaw, maxIdBytes } from "../../client/src/check.js";
import { Room } from "../../client/src/index.js";
import { isolated, tame } from "../../client/src/show/tame.js";
import { Demo } from "./demo.js";
import { $ } from "./dom.js";
import { FlyingSettings } from "./flying.js";
import type { Gate } from "./gate.js";
import { home } from "./home.js";
import { Login, LoginError } from "./login.js";
import { looks } from "./looks.js";
import { load, save } from "./prefs.js";
import { Session } from "./session.js";
import { type Language, speak, t, type Text } from "./texts.js";
import { whyOf } from "./why.js";

const rates = [1, 5, 20, 100, 300, 1000]; // Of the simulated room.

const query = new URLSearchParams(location.search);
const session = new Session(through);
const door = $<HTMLDialogElement>("door");
const form = door.querySelector("form")!;
const field = (name: string) => form.elements.namedItem(name) as HTMLInputElement;
const flying = new FlyingSettings((on, how) => session.fly(on, how));
let inside = false;

/** Stay is the room of now, and the login by a name, if that is how one came. */
interface Stay {
  readonly room: Room;
  readonly login: Login | undefined;
}

let stay: Stay | undefined;

/** idOk says whether the server takes this as a room or a user. */
function idOk(id: string): boolean {
  return !flaw(id, maxIdBytes) && !/^\.+$/.test(id);
}

/** enter enters a room by a login, or by a token; "" is that of a guest. */
function enter(room: string, by: Login | string): void {
  const login = by instanceof Login ? by : undefined, name = login?.userId ?? "", token = login ? "" : String(by);
  let source: Room;
  try {
    source = login ? asUser(room, login) : new Room({ url: home(), room, ...(token ? { token } : {}) });
  } catch (err) { // The token in an address may be none at all.
    return open(t("loginFailed", { why: whyOf(err, "stay") }));
  }
  stay = { room: source, login };
  source.on("state", (state) => {
    if (state.name === "closed" && state.reason === "unauthenticated" && !login && !token) queueMicrotask(() => turnAway(t("noGuests")));
  });
  save("room", room);
  if (name) save("name", name);
  save("watch", name || token ? "" : "1");
  save("token", token, "sessionStorage"); // For this tab to be loaded again.
  query.set("room", room);
  if (!name) query.delete("name");
  else if (query.has("name")) query.set("name", name);
  history.replaceState(null, "", `?${query}`);
  show(room);
  session.enter(source, name, !login && !token);
}

/** asUser makes the room of who logs in by a name. */
function asUser(room: string, login: Login): Room {
  const token = () => {
    if (source.state.name === "open") login.spend(); // Its life is nearly over.
    return login.token().catch((err: unknown) => {
      // Trying again would not help; a password may.
      if (err instanceof LoginError && err.refused) turnAway(t("loginFailed", { why: t("wrongPassword") }), true);
      throw err;
    });
  };
  const source = new Room({ url: home(), room, userId: login.userId, getToken: token });
  source.on("state", ({ name, reason }) => {
    if (name === "waiting" && ["token_expired", "token_revoked", "unauthenticated"].includes(reason)) login.forget();
    if (name === "closed" && reason === "token_replaced") queueMicrotask(goOn);
  });
  return source;
}

/**
 * goOn goes on with the token of another tab of this browser, where ours was replaced by it. Nobody logs in for that.
 */
function goOn(): void {
  const { name, reason } = stay?.room.state ?? {};
  if (name === "closed" && reason === "token_replaced" && stay?.login?.other) stay.room.connect();
}

/** turnAway leaves the room and opens the door. */
function turnAway(why: string, secret = false): void {
  session.leave();
  inside = false;
  open(why, secret);
}

/** through lets who may not write become somebody who may. */
function through({ how }: Gate): void {
  if (how === "here" && stay?.login) void loginHere(stay.room, stay.login);
  else open(how === "password" ? t("passwordAgain") : "", how !== "door" && stay?.login !== undefined);
}

/** loginHere logs in again, which ends the login elsewhere: a person has asked for it. */
async function loginHere(room: Room, login: Login): Promise<void> {
  try {
    await login.renew();
    room.connect();
  } catch (err) {
    if (err instanceof LoginError && err.refused) open("", true);
    else session.notice(t("loginFailed", { why: t("why_network") }));
  }
}

function enterDemo(): void {
  const name = load("name") || t("you"), demo = new Demo(name, Number(query.get("rate")) || 20);
  const select = $<HTMLSelectElement>("rate");
  for (const rate of new Set([...rates, demo.rate].sort((a, b) => a - b))) select.append(new Option(String(rate), String(rate), false, rate === demo.rate));
  select.onchange = () => { demo.rate = Number(select.value); };
  $("demo").hidden = false;
  show(t("simulated"));
  session.enter(demo, name);
}

function show(room: string): void {
  inside = true;
  session.name(`${isolated(room)} · Barrage`);
  $("title").textContent = tame(room);
  if (matchMedia("(hover: hover)").matches) $("say").focus(); // A phone's keyboard would hide the room.
}

/** open shows the door, with a word why. */
function open(why = "", secret = false): void {
  field("room").value ||= query.get("room") ?? (load("room") || "lobby");
  field("name").value ||= load("name");
  $("secret").hidden &&= !secret;
  $("why").textContent = why;
  $("cancel").hidden = !inside;
  if (!door.open) door.showModal();
  field(secret ? "password" : "name").select();
}

/** comeIn goes through the door by a name, or as a guest; false where that name or room cannot be. */
function comeIn(name: string): boolean {
  const room = field("room").value.trim().toWellFormed();
  if (!idOk(room) || (name && !idOk(name))) {
    $("why").textContent = t("badId", { most: maxIdBytes });
    return false;
  }
  query.delete("demo");
  query.delete("rate");
  $("demo").hidden = true;
  enter(room, name && new Login(name, field("password").value));
  return true;
}

form.onsubmit = (e) => {
  if (!comeIn(field("name").value.trim().toWellFormed())) e.preventDefault();
};
$("watch").onclick = () => {
  if (form.reportValidity() && comeIn("")) door.close();
};
door.oncancel = (e) => { if (!inside) e.preventDefault(); };
$("cancel").onclick = () => door.close();
$("change").onclick = () => open();

function setLanguage(language: Language): void {
  speak(language);
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const e of document.querySelectorAll<HTMLElement>("[data-t]")) e.textContent = t(e.dataset["t"] as Text);
  for (const e of document.querySelectorAll<HTMLElement>("[data-label]")) e.ariaLabel = t(e.dataset["label"] as Text);
  for (const e of document.querySelectorAll<HTMLElement>("[data-title]")) {
    e.ariaLabel = e.title = t(e.dataset["title"] as Text);
  }
  for (const e of document.querySelectorAll<HTMLInputElement>("[data-hint]")) e.placeholder = t(e.dataset["hint"] as Text);
  session.speak();
  flying.speak();
}

looks(setLanguage, document.querySelectorAll<HTMLElement>(".language"));

/** tokenOfAddress takes a token out of the address, where others might see it; "" where there is none. */
function tokenOfAddress(): string {
  const [, text] = /[#&]token=([^&]*)/.exec(location.hash) ?? [];
  if (text === undefined) return "";
  history.replaceState(null, "", location.pathname + location.search);
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** begin enters by what the address says, or else as this browser did last; or opens the door. */
function begin(): void {
  const asked = query.get("room") ?? "", named = query.get("name"), token = tokenOfAddress();
  if (token) return enter([asked, load("room")].find(idOk) ?? "lobby", token);
  if (query.has("demo")) return enterDemo();
  const kept = load("token", "sessionStorage"), name = named ?? load("name");
  if (!idOk(asked)) open();
  else if (named === null && kept) enter(asked, kept);
  else if (named === null && load("watch")) enter(asked, "");
  else if (idOk(name)) enter(asked, new Login(name, ""));
  else open();
}

addEventListener("hashchange", () => { // A token that is pasted into the address of a page that is there.
  const token = tokenOfAddress();
  if (token) enter([query.get("room") ?? "", load("room")].find(idOk) ?? "lobby", token);
});
addEventListener("storage", (e) => {
  if (stay?.login && e.key === `barrage.${stay.login.key}`) goOn();
});
begin();
