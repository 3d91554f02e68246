// The page: language, colours, the door, and a session behind it.

import { Room } from "../../client/src/index.js";
import { Demo } from "./demo.js";
import { $ } from "./dom.js";
import { Login, LoginError } from "./login.js";
import { load, save } from "./prefs.js";
import { Session } from "./session.js";
import { type Language, speak, spoken, t, type Text } from "./texts.js";

const rates = [1, 5, 20, 100, 300, 1000]; // Of the simulated room.

const query = new URLSearchParams(location.search);
const session = new Session();
const door = $<HTMLDialogElement>("door");
const form = door.querySelector("form")!;
const field = (name: string) => form.elements.namedItem(name) as HTMLInputElement;
let inside = false;

/** idOk says whether the server takes this as a room or a user. */
function idOk(id: string): boolean {
  return !/^\.*$|\p{Cc}/u.test(id) && new TextEncoder().encode(id).length <= 64;
}

function enter(room: string, name: string, password: string): void {
  const login = new Login(name, password);
  const token = () => login.token().catch((err: unknown) => {
    if (err instanceof LoginError && err.refused) { // Trying again would not help; a password may.
      session.leave();
      inside = false;
      open(t("loginFailed", { why: t("wrongPassword") }), true);
    }
    throw err;
  });
  const source = new Room({ room, userId: name, token });
  let renewed = false;
  source.on("state", (state) => {
    if (state.name === "open") renewed = false;
    if (state.name !== "closed" || state.reason !== "unauthenticated" || renewed) return;
    renewed = true; // The saved token has ended: once more, with a new one.
    login.forget();
    queueMicrotask(() => source.connect());
  });
  save("room", room);
  save("name", name);
  query.set("room", room);
  history.replaceState(null, "", `?${query}`);
  show(room, name);
  session.enter(source, name);
}

function enterDemo(): void {
  const name = load("name") || t("you"), demo = new Demo(name, Number(query.get("rate")) || 20);
  const select = $<HTMLSelectElement>("rate");
  for (const rate of new Set([...rates, demo.rate].sort((a, b) => a - b))) select.append(new Option(String(rate), String(rate), false, rate === demo.rate));
  select.onchange = () => { demo.rate = Number(select.value); };
  $("demo").hidden = false;
  show(t("simulated"), name);
  session.enter(demo, name);
}

function show(room: string, name: string): void {
  inside = true;
  document.title = `${room} · Barrage`;
  $("title").textContent = room;
  $("me").textContent = name;
  if (matchMedia("(hover: hover)").matches) $("say").focus(); // A phone's keyboard would hide the room.
}

/** open shows the door, with a word why. */
function open(why = "", secret = false): void {
  field("room").value ||= query.get("room") ?? (load("room") || "lobby");
  field("name").value ||= load("name") || `guest-${1000 + Math.floor(Math.random() * 9000)}`;
  $("secret").hidden &&= !secret;
  $("why").textContent = why;
  $("cancel").hidden = !inside;
  if (!door.open) door.showModal();
  field(secret ? "password" : "name").select();
}

form.onsubmit = (e) => {
  const room = field("room").value.trim().toWellFormed(), name = field("name").value.trim().toWellFormed();
  if (!idOk(room) || !idOk(name)) {
    e.preventDefault();
    $("why").textContent = t("badId");
    return;
  }
  query.delete("demo");
  query.delete("rate");
  $("demo").hidden = true;
  enter(room, name, field("password").value);
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
}

const systemDark = matchMedia("(prefers-color-scheme: dark)");
const dark = () => (load("theme") || (systemDark.matches ? "dark" : "light")) === "dark";

function setTheme(): void {
  const theme = load("theme");
  if (theme) document.documentElement.dataset["theme"] = theme;
  $("theme").ariaPressed = String(dark());
}

function setFly(): void {
  const on = load("fly") !== "off";
  $("fly").ariaPressed = String(on);
  session.fly(on);
}

for (const button of document.querySelectorAll<HTMLElement>(".language")) {
  button.onclick = () => {
    setLanguage(spoken() === "zh" ? "en" : "zh");
    save("language", spoken());
  };
}
$("theme").onclick = () => {
  save("theme", dark() ? "light" : "dark");
  setTheme();
};
$("fly").onclick = () => {
  save("fly", load("fly") === "off" ? "" : "off");
  setFly();
};
systemDark.onchange = setTheme;

const saved = load("language");
setLanguage(saved === "zh" || saved === "en" ? saved : navigator.language.startsWith("zh") ? "zh" : "en");
setTheme();
setFly();
const room = query.get("room") ?? "", name = query.get("name") ?? load("name");
if (query.has("demo")) enterDemo();
else if (idOk(room) && idOk(name)) enter(room, name, "");
else open();
