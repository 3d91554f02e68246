// One user: sockets, what is in force about them, what they sent, what moderators did.

import { hueOf } from "../../client/src/show/names.js";
import { tame } from "../../client/src/show/tame.js";
import { fullTime, initial, time } from "../src/dom.js";
import { ask, type Acts, tenMinutes, toast } from "./acts.js";
import { type Api, Failed, type Log, type Message, type Page, part, type UserInfo, wordsOf } from "./api.js";
import { $, button, element, note, own } from "./dom.js";
import { entryText } from "./log.js";
import { measureNode, type RoomPanel } from "./room.js";
import { t, type Text } from "./texts.js";

const mostSaid = 30, mostEntries = 200;

/** The data that were read of a user. */
interface Read {
  readonly user: string;
  readonly info: UserInfo | Failed;
  readonly said: Page;
  readonly log: Log;
}

/** UserPanel shows one. */
export class UserPanel {
  private user = "";
  private read: Read | undefined;

  /** remove takes a message away, whose number is of that epoch. */
  constructor(private readonly api: Api, private readonly acts: Acts, private readonly room: () => string, private readonly order: RoomPanel, private readonly remove: (m: Message, epoch: string) => void) {
    $("look").onsubmit = (e) => {
      e.preventDefault();
      const user = $<HTMLInputElement>("whom").value.trim();
      if (user) void this.look(user);
    };
  }

  /** clear is for another room. */
  clear(): void {
    this.user = "";
    this.read = undefined;
    $("card").hidden = true;
    note("userNote", t("userNone"));
  }

  /** look reads a user and shows them. */
  async look(user: string): Promise<void> {
    if (user !== this.user) {
      this.read = undefined;
      $("card").hidden = true;
      note("userNote", t("userLoading"));
    }
    this.user = user;
    const room = part(this.room());
    try {
      const [info, said, log] = await Promise.all([
        this.api.get<UserInfo>(`users/${part(user)}`).catch((err: unknown) => { // A key for some rooms sees no sockets.
          if (err instanceof Failed && err.status === 403) return err;
          throw err;
        }),
        this.room() ? this.api.get<Page>(`rooms/${room}/messages?user=${part(user)}&limit=${mostSaid}`) : { epoch: "", seq: 0, messages: [] },
        this.room() ? this.api.get<Log>(`rooms/${room}/mod/log?limit=${mostEntries}`) : { entries: [] },
      ]);
      if (user !== this.user) return;
      this.read = { user, info, said, log };
      this.show();
    } catch (err) {
      if (user === this.user && !this.read) note("userNote", wordsOf(err));
    }
  }

  /** again reads the user of now anew: something was done. */
  again(): void {
    if (this.user) void this.look(this.user);
  }

  /** show draws the card. */
  show(): void {
    if (!this.read) return this.user ? undefined : note("userNote", t("userNone"));
    const { user, info, said, log } = this.read, card = $("card");
    note("userNote", "");
    const focused = card.contains(document.activeElement), deed = [...card.querySelectorAll(".deeds button")].indexOf(document.activeElement!);
    const who = element("div", "who"), face = element("span", "face", initial(tame(user)));
    face.ariaHidden = "true";
    who.style.setProperty("--hue", String(hueOf(user)));
    who.append(face, own("h3", "", user));
    card.replaceChildren(who, this.buttons(user), ...this.measures(info), ...this.sockets(info));
    card.append(element("h4", "", t("userSaid")), list(said.messages.map((m) => {
      const row = element("li", "measure"), text = element("p");
      text.append(element("time", "soft", time(m.ts)), " ", own("span", "body", m.body));
      row.append(text, button(t("delete"), "danger", () => this.remove(m, said.epoch)));
      return row;
    }).reverse(), "userNoSaid"));
    card.append(element("h4", "", t("userLog")), list(log.entries.filter(({ target }) => target === user).map((e) => {
      const row = element("li");
      row.append(entryText(e));
      return row;
    }), "userNoLog"));
    card.hidden = false;
    const name = card.querySelector("h3")!;
    name.tabIndex = -1;
    // No row that came into another's place.
    if (focused) (card.querySelectorAll<HTMLElement>(".deeds button")[deed] ?? name).focus();
  }

  private buttons(user: string): HTMLElement {
    const row = element("div", "deeds"), who = tame(user), { acts } = this;
    const add = (name: Text, grave: boolean, act: () => void) => row.append(button(t(name), grave ? "danger" : "", act));
    if (this.room()) {
      add("mute", false, () => acts.mute(user));
      add("shadow", false, () => void acts.do({ verb: "shadow", user_id: user, for_ms: tenMinutes }, "didShadow", { who }, "shadow", ["unshadow", "didUnshadow"]));
      add("kick", false, () => void acts.do({ verb: "kick", user_id: user }, "didKick", { who }, "kick"));
      add("ban", true, () => void acts.ban(user));
      add("purge", true, () => void acts.purge(user));
    }
    add("revoke", true, () => void this.revoke(user));
    return row;
  }

  private async revoke(user: string): Promise<void> {
    const who = tame(user);
    if (!(await ask({ title: t("askRevoke", { who }), what: t("askRevokeWhat"), yes: t("doRevoke") }))) return;
    try {
      await this.api.post(`users/${part(user)}/revoke`);
      toast(t("didRevoke", { who }));
      this.again();
    } catch (err) {
      toast(t("notDone", { what: t("doRevoke"), why: wordsOf(err) }), true);
    }
  }

  private measures(info: UserInfo | Failed): HTMLElement[] {
    const room = this.room(), all = info instanceof Failed ? (this.order.order?.users ?? []).filter((m) => m.user_id === this.user).map((m) => ({ ...m, room })) : info.measures;
    return [element("h4", "", t("userMeasures")), list(all.map((m) => measureNode(m, m.room === room, this.acts)), "userNoMeasures")];
  }

  private sockets(info: UserInfo | Failed): HTMLElement[] {
    const title = element("h4", "", t("userSockets"));
    if (info instanceof Failed) return [title, element("p", "empty", t("userDenied", { why: info.words }))];
    return [title, list(info.nodes.flatMap(({ node, sockets }) => sockets.slice(0, 20).map((s) => {
      const row = element("li", "socket");
      row.append(own("b", "", s.room || "FastIM"), " ", element("span", "soft", [s.guest ? t("guest") : s.role, s.address, fullTime(s.since), node].filter(Boolean).join(" · ")));
      return row;
    })), "userNoSockets")];
  }
}

function list(rows: HTMLElement[], none: Text): HTMLElement {
  if (rows.length === 0) return element("p", "empty", t(none));
  const all = element("ul", "lines");
  all.append(...rows);
  return all;
}
