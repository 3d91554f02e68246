// The overlay page: comments over whatever a stream shows, as a browser source of OBS and the like has it. The address
// says everything, and a reload shows the same lines again: the room's history has them.

import { type BarrageError, type Message, Room } from "../../client/src/index.js";
import { Overlay, type OverlayOptions, type Shown } from "../../client/src/overlay.js";
import { Demo } from "./demo.js";
import { home } from "./home.js";

const query = new URLSearchParams(location.search), fragment = new URLSearchParams(location.hash.slice(1));

/** number reads a number with a unit that may be left out; undefined where there is none. */
function number(name: string, unit: string, times = 1): number | undefined {
  const text = query.get(name);
  if (text === null || text === "") return undefined;
  return Number(unit && text.endsWith(unit) ? text.slice(0, -unit.length) : text) * times;
}

/**
 * hides says which messages are left out: those of a user, of a kind or of a role that the list names. Bots are of the
 * role bot.
 */
function hides(list: string): (message: Message) => boolean {
  const names = new Set(list.split(",").map((name) => name.trim()).filter(Boolean).map((name) => (name === "bots" ? "bot" : name)));
  return ({ userId, kind, user }) => names.has(userId) || names.has(kind) || names.has(String(user?.["role"] ?? ""));
}

/** options are those of the address. Parts of the height may be written as 50% or as 0.5, times as 20s or as 20. */
function options(): OverlayOptions {
  const area = query.get("area")?.endsWith("%") ? number("area", "%", 0.01) : number("area", "%");
  const all = {
    look: query.get("style") || "list", lines: number("lines", ""), fadeMs: number("fade", "s", 1000), area, size: number("size", "px"),
    font: query.get("font") || undefined, accent: query.get("accent") || undefined, hide: hides(query.get("hide") ?? ""),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as OverlayOptions;
}

/** problem says what keeps the overlay from showing a room; "" takes that away. */
function problem(text: string): void {
  const element = document.getElementById("problem")!;
  element.hidden = !text;
  element.textContent = text;
}

/** source is the room of the address. A user who shows no token is a guest. */
function source(): Shown {
  if (query.has("demo")) {
    const demo = new Demo("", Number(query.get("rate")) || 20);
    queueMicrotask(() => demo.connect());
    return demo;
  }
  const token = fragment.get("token") ?? query.get("token");
  const room = new Room({ url: home(), room: query.get("room") ?? "", ...(token ? { token } : {}) });
  room.on("state", ({ name }) => {
    if (name === "open") problem("");
  });
  room.on("error", (err) => {
    if (room.state.name === "closed") problem(err.message);
  });
  queueMicrotask(() => room.connect());
  return room;
}

try {
  new Overlay(document.querySelector("main")!, options()).show(source());
} catch (err) {
  problem((err as BarrageError).message);
}
