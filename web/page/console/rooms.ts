// The live rooms, the largest first.

import { tame } from "../../client/src/show/tame.js";
import { type Api, Failed, type RoomFigures } from "./api.js";
import { $, element, note, own, setText } from "./dom.js";
import { short } from "./meter.js";
import { count, isText, t, type Text } from "./texts.js";

const most = 200; // Rooms that are listed; others are opened by their name.

/** modeWords are short names of modes that are on. */
export const modeWords: Readonly<Record<string, Text>> = {
  slow_ms: "shortSlowOn", frozen: "shortFrozen", who: "shortWho", links: "shortLinks", emote_only: "shortEmote", dup_s: "shortDup",
  unique_s: "shortDup", first_delay_ms: "shortDelay", min_level: "shortLevelOn", max_caps: "shortCaps", review: "shortReview",
};

interface Item {
  readonly node: HTMLElement;
  readonly facts: HTMLElement;
  readonly tags: HTMLElement;
}

/** Rooms is the list. */
export class Rooms {
  private all: readonly RoomFigures[] = [];
  private known = false;
  private readonly items = new Map<string, Item>();
  private readonly which = $<HTMLInputElement>("which");
  private still = false; // One points at it: rows stay where they are.

  /** open opens a room. */
  constructor(private readonly api: Api, private readonly open: (room: string) => void) {
    $("find").onsubmit = (e) => {
      e.preventDefault();
      const room = this.which.value.trim();
      if (room) this.open(room);
      this.which.value = "";
      this.show();
    };
    this.which.oninput = () => this.show();
    $("roomList").onpointerenter = () => { this.still = true; };
    $("roomList").onpointerleave = () => { this.still = false; };
  }

  /** of is what nodes count of a room; undefined where it is not in the list. */
  of(room: string): RoomFigures | undefined {
    return this.all.find((r) => r.room === room);
  }

  /** ask asks for the list. */
  async ask(): Promise<void> {
    try {
      const { rooms, silent } = await this.api.get<{ rooms: RoomFigures[]; silent: string[] }>(`rooms?limit=${most}`);
      this.all = rooms;
      this.known = true;
      this.show(silent.length);
    } catch (err) {
      if (!(err instanceof Failed && err.status === 403)) throw err;
      note("roomsNote", t("roomsDenied"));
    }
  }

  /** choose marks the room of now. */
  choose(room: string): void {
    for (const [id, { node }] of this.items) node.querySelector("button")!.ariaCurrent = String(id === room);
  }

  /** show draws the list. */
  show(silent = 0): void {
    const part = this.which.value.trim().toLowerCase(), shown = this.all.filter(({ room }) => room.toLowerCase().includes(part)), list = $("roomList");
    for (const figures of shown) this.update(figures);
    for (const [id, { node }] of this.items) {
      if (shown.some(({ room }) => room === id)) continue;
      if (node.contains(document.activeElement)) this.which.focus();
      node.remove();
      this.items.delete(id);
    }
    const order = shown.map(({ room }) => this.items.get(room)!.node);
    if (!(this.still && order.length === list.childElementCount) && !list.contains(document.activeElement)) order.forEach((node, i) => { if (list.children[i] !== node) list.insertBefore(node, list.children[i] ?? null); });
    if (this.known) note("roomsNote", shown.length === 0 ? t(part ? "noMatch" : "noRooms") : silent > 0 ? count("silent", silent) : "");
  }

  private update(figures: RoomFigures): void {
    const { room, online, rate, wanted, shown, modes = [] } = figures;
    let item = this.items.get(room);
    if (!item) {
      const node = element("li"), b = element("button", "pick"), facts = element("span", "facts"), tags = element("span", "tags");
      (b as HTMLButtonElement).type = "button";
      b.append(own("bdi", "name", room), facts, tags);
      b.onclick = () => this.open(room);
      node.append(b);
      this.items.set(room, item = { node, facts, tags });
      $("roomList").append(node);
    }
    setText(item.facts, `${count("viewers", online).replace(/[\d.,]+/, short(online))} · ${t("perSecond", { n: Math.round(rate) })}`);
    const words = [...(wanted > shown ? [t("storm")] : []), ...new Set(modes.map((m) => modeWords[m]).filter((m) => m !== undefined && isText(m)).map((m) => t(m!)))];
    if (item.tags.dataset["is"] === words.join()) return;
    item.tags.dataset["is"] = words.join();
    item.tags.replaceChildren(...words.map((w, i) => element("span", i === 0 && wanted > shown ? "tag grave" : "tag", w)));
  }
}

/** nameOfRoom is a room's id as it is shown. */
export function nameOfRoom(room: string): string {
  return tame(room);
}
