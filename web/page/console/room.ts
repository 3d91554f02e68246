// The modes of a room, what is in force about users, announcements.

import { forGood } from "../../client/src/moderation.js";
import { tame } from "../../client/src/show/tame.js";
import { fullTime, time } from "../src/dom.js";
import { ask, type Acts } from "./acts.js";
import { type Api, type Measure, type Modes, type Order, part, wordsOf } from "./api.js";
import { $, button, element, note, own, renew } from "./dom.js";
import { t, type Text } from "./texts.js";

const mostMeasures = 200; // Of the 10,000 that a room may have.

type Value = string | number | boolean | readonly string[];

/** Field is one mode: a select, a number, or words. */
interface Field {
  readonly name: keyof Omit<Modes, "pinned">;
  /** choices are values and their words; seconds are times in the unit of the mode. */
  readonly choices?: readonly (readonly [Value, Text])[];
  readonly seconds?: readonly number[];
  readonly unit?: number;
  readonly most?: number;
}

const switches = [[false, "off"], [true, "on"]] as const;

const fields: readonly Field[] = [
  { name: "slow_ms", seconds: [0, 3, 5, 10, 30, 60, 300], unit: 1000 },
  { name: "frozen", choices: switches },
  { name: "who", choices: [["all", "whoAll"], ["tagged", "whoTagged"], ["mods", "whoMods"]] },
  { name: "tags" },
  { name: "links", choices: [["allow", "linksAllow"], ["mods", "linksMods"], ["deny", "linksDeny"]] },
  { name: "emote_only", choices: switches },
  { name: "first_delay_ms", seconds: [0, 10, 30, 60, 300], unit: 1000 },
  { name: "dup_s", seconds: [0, 10, 30, 60, 300], unit: 1 },
  { name: "unique_s", seconds: [0, 10, 30, 60], unit: 1 },
  { name: "min_level", most: 1000 },
  { name: "max_caps", most: 100 },
  { name: "review", choices: [["off", "reviewOff"], ["new_users", "reviewNew"], ["all", "reviewAll"]] },
];

const lifts: Readonly<Record<string, readonly [verb: string, said: Text]>> = {
  mute: ["unmute", "didUnmute"], shadow: ["unshadow", "didUnshadow"], ban: ["unban", "didUnban"], kick: ["unban", "didUnban"], ban_address: ["unban", "didUnban"],
};

/** untilWords says when a measure ends. */
export function untilWords(until: number): string {
  if (until >= forGood) return t("forGood");
  return t("until", { when: until - Date.now() < 12 * 3_600_000 ? time(until) : fullTime(until) });
}

/** measureNode is one measure, with what lifts it where this room may. */
export function measureNode(m: Measure, here: boolean, acts: Acts): HTMLElement {
  const node = element("li", "measure"), text = element("p"), target = m.user_id ?? m.address ?? "", lift = lifts[m.what];
  const where = m.room === "" ? t("everywhere") : m.room && !here ? tame(m.room) : "";
  text.append(element("span", `tag ${m.what}`, m.role ?? m.what), " ", own("b", "", target), " ", own("span", "soft", [untilWords(m.until), where, m.reason, m.by].filter(Boolean).join(" · ")));
  node.dataset["of"] = JSON.stringify([m.what, m.user_id, m.address]);
  node.append(text);
  if (here && lift) node.append(button(t("lift"), "plain", () => void acts.do({ verb: lift[0], ...(m.user_id === undefined ? { address: m.address } : { user_id: m.user_id }) }, lift[1], { who: tame(target) }, "lift")));
  return node;
}

/** RoomPanel shows and changes what holds in a room. */
export class RoomPanel {
  /** order is what is in force; undefined before it was read. */
  order: Order | undefined;

  constructor(private readonly api: Api, private readonly acts: Acts, private readonly room: () => string) {
    $("rules").onsubmit = (e) => e.preventDefault();
    $("announce").onsubmit = (e) => {
      e.preventDefault();
      const say = $<HTMLTextAreaElement>("say"), body = say.value.trim();
      if (body) void acts.do({ verb: "announce", body }, "didAnnounce", {}, "announceDo").then((done) => { if (done) say.value = ""; });
    };
    $("clear").onclick = async () => {
      if (await ask({ title: t("askClear"), what: t("askClearWhat"), yes: t("clear").replace("…", "") })) await acts.do({ verb: "clear" }, "didClear", {}, "clear");
    };
  }

  /** clear is for another room. */
  clear(): void {
    this.order = undefined;
    for (const id of ["rules", "announce", "inForce"]) $(id).hidden = true;
    note("roomNote", t("pickRoom"));
  }

  /** ask reads what is in force. */
  async ask(): Promise<void> {
    const room = this.room();
    try {
      const order = await this.api.get<Order>(`rooms/${part(room)}/mod`);
      if (room !== this.room()) return;
      this.order = order;
      this.show();
    } catch (err) {
      note("roomNote", wordsOf(err));
      throw err;
    }
  }

  /**
   * standing asks the node what is in force of a verb about a user, as "mute", in one text, "" for nothing. An earlier
   * reading may be seconds old. An unban ends a kick, too.
   */
  async standing(user: string, verb: string): Promise<string> {
    const { users } = await this.api.get<Order>(`rooms/${part(this.room())}/mod`);
    return users.filter((m) => m.user_id === user && [verb, verb === "ban" ? "kick" : verb].includes(m.what)).map((m) => JSON.stringify(m)).join();
  }

  /** longer is which mute of a user lasts for longer than ms, in words; "" for none. */
  longer(user: string, ms: number): string {
    const mute = this.order?.users.find((m) => m.user_id === user && m.what === "mute" && m.until > Date.now() + ms);
    return mute ? [untilWords(mute.until), tame(mute.by)].join(" · ") : "";
  }

  /** show draws it; a field that one is in stays as it is. */
  show(): void {
    const order = this.order;
    if (!order) return;
    note("roomNote", "");
    for (const id of ["rules", "announce", "inForce"]) $(id).hidden = false;
    const form = $("rules");
    if (!form.contains(document.activeElement)) form.replaceChildren(...fields.map((f) => this.field(f, order.modes)), ...this.pinned(order.modes));
    $("modes").replaceChildren(...modeTags(order.modes).map((w) => element("span", "tag", w)));
    renew($("measures"), order.users.slice(0, mostMeasures).map((m) => measureNode(m, true, this.acts)));
    const more = order.users.length - mostMeasures;
    note("noForce", order.users.length === 0 ? t("noForce") : more > 0 ? t("moreForce", { n: more }) : "");
  }

  private pinned(modes: Modes): HTMLElement[] {
    if (!modes.pinned) return [];
    const row = element("div", "field");
    row.append(element("p", "body", t("pinned", { body: modes.pinned.body.slice(0, 200) })), button(t("unpin"), "plain", () => void this.acts.do({ verb: "unpin" }, "didUnpin", {}, "unpin")));
    return [row];
  }

  private field(f: Field, modes: Modes): HTMLElement {
    const row = element("div", "field"), label = element("label", "", t(f.name)) as HTMLLabelElement, id = `mode-${f.name}`, is = modes[f.name];
    label.htmlFor = id;
    let input: HTMLInputElement | HTMLSelectElement, value: () => Value;
    if (f.choices || f.seconds) {
      const unit = f.unit ?? 1, choices: [Value, string][] = f.choices ? f.choices.map(([v, text]) => [v, t(text)]) : f.seconds!.map((s) => [s * unit, s === 0 ? t("off") : t("seconds", { n: s })]);
      // Set by another way.
      if (!choices.some(([v]) => v === is)) choices.push([is, f.seconds ? t("seconds", { n: Number(is) / unit }) : String(is)]);
      const select = document.createElement("select");
      select.append(...choices.map(([v, text]) => new Option(text, String(v), false, v === is)));
      value = () => choices[select.selectedIndex]![0];
      input = select;
    } else {
      const field = document.createElement("input");
      if (f.most !== undefined) Object.assign(field, { type: "number", min: "0", max: String(f.most) });
      field.value = Array.isArray(is) ? is.join(", ") : String(is);
      value = () => f.most === undefined ? field.value.split(/[,，]/).map((s) => s.trim()).filter(Boolean) : Number(field.value);
      input = field;
    }
    input.id = id;
    input.onchange = () => void this.set(f.name, value());
    row.append(label, input);
    row.classList.toggle("changed", changed(f.name, is));
    return row;
  }

  private async set(name: string, value: Value): Promise<void> {
    await this.acts.do({ verb: "modes", modes: { [name]: value } }, "didModes", {}, name as Text);
    const id = document.activeElement?.id;
    (document.activeElement as HTMLElement | null)?.blur(); // The form shows what holds now, also where it was refused.
    await this.ask().catch(() => this.show());
    if (id) document.getElementById(id)?.focus();
  }
}

const calm: Readonly<Record<string, Value>> = { who: "all", links: "allow", review: "off" };

/** changed says that a mode is not as rooms begin. */
function changed(name: string, value: Value): boolean {
  return Array.isArray(value) ? value.length > 0 : calm[name] === undefined ? Boolean(value) : value !== calm[name];
}

/** modeTags are the modes that are on, in few words. */
function modeTags(m: Modes): string[] {
  return [
    m.frozen && t("shortFrozen"), m.slow_ms > 0 && t("shortSlow", { n: m.slow_ms / 1000 }), m.who === "mods" && t("shortWhoMods"), m.who === "tagged" && t("shortWhoTagged"),
    m.links !== "allow" && t("shortLinks"), m.emote_only && t("shortEmote"), (m.dup_s > 0 || m.unique_s > 0) && t("shortDup"), m.first_delay_ms > 0 && t("shortDelay"),
    m.min_level > 0 && t("shortLevel", { n: m.min_level }), m.max_caps > 0 && t("shortCaps"), m.review !== "off" && t("shortReview"),
  ].filter((w) => w !== false);
}
