// Acts of a moderator: one verb at a time, its outcome, and how it is taken back.

import { tame } from "../../client/src/show/tame.js";
import { type Api, type Done, Failed, part, wordsOf } from "./api.js";
import { $, button, element } from "./dom.js";
import { count, t, type Text } from "./texts.js";

const shownMs = 9000; // That something was done; longer while one points at it.
const mostToasts = 3;

/** tenMinutes in ms: the length of a mute by one key. */
export const tenMinutes = 600_000;

const spans: readonly (readonly [Text, number])[] = [["hour", 3_600_000], ["day", 86_400_000], ["week", 604_800_000], ["forGood", 0]];

/** Verb is one of the desk, as docs/protocol.md has it. */
export type Verb = { readonly verb: string } & Readonly<Record<string, unknown>>;

/** Answer is the answer to a question: undefined is no. */
interface Answer {
  readonly forMs: number;
  readonly reason: string;
  readonly purge: boolean;
}

/** Question is one before something grave. */
export interface Question {
  readonly title: string;
  readonly what: string;
  readonly yes: string;
  /** fields: for how long, why, and whether messages go as well. */
  readonly fields?: boolean;
}

let unanswered = (_: undefined) => {}; // Says no to the question before.

/** ask asks before something grave. */
export function ask({ title, what, yes, fields = false }: Question): Promise<Answer | undefined> {
  const dialog = $<HTMLDialogElement>("ask"), span = $<HTMLSelectElement>("askFor"), reason = $<HTMLInputElement>("askReason"), purge = $<HTMLInputElement>("askPurge");
  $("askTitle").textContent = title;
  $("askWhat").textContent = what;
  $("askYes").textContent = yes;
  $("askFields").hidden = !fields;
  span.replaceChildren(...spans.map(([text, ms]) => new Option(t(text), String(ms))));
  reason.value = "";
  purge.checked = false;
  unanswered(undefined);
  dialog.showModal();
  (fields ? span : $("askNo")).focus();
  $("askNo").onclick = () => dialog.close("");
  return new Promise((done) => {
    unanswered = done;
    let yes = false;
    dialog.querySelector("form")!.onsubmit = () => { yes = true; };
    dialog.onclose = () => { // Browsers notify later: of an open one it is about the question before.
      if (!dialog.open) done(yes ? { forMs: Number(span.value), reason: reason.value, purge: purge.checked } : undefined);
    };
  });
}

/** toast says what became of something; undo takes it back. */
export function toast(text: string, bad = false, undo?: () => void): void {
  const box = element("div", bad ? "toast bad" : "toast"), said = element("p", "", text);
  box.append(said);
  let timer: ReturnType<typeof setTimeout>;
  const go = () => { box.remove(); }, later = () => { timer = setTimeout(go, shownMs); };
  if (undo) {
    const b = button("", "plain", () => (go(), undo()));
    b.append(`${t("undo")} `, element("kbd", "", "Z"));
    box.append(b);
  }
  box.onpointerenter = box.onfocus = () => clearTimeout(timer);
  box.onpointerleave = box.onblur = later;
  later();
  $("toasts").append(box);
  while ($("toasts").childElementCount > mostToasts) $("toasts").firstElementChild!.remove();
}

/** Acts carries verbs out in the room of now. */
export class Acts {
  private back: (() => void) | undefined;

  /**
   * `room` is the room of now. `did` is called after something was done. `longer` says in words which mute of a user
   * lasts for longer than ms, "" for none. `standing` says what of a verb about a user is in force, "" for nothing.
   */
  constructor(private readonly api: Api, private readonly room: () => string, private readonly did: (verb: Verb) => void, private readonly longer: (user: string, ms: number) => string, private readonly standing: (user: string, verb: string) => Promise<string>) {}

  /**
   * do carries a verb out, says what became of it, and returns whether it was done. `undo` names the verb that takes it
   * back. Where the same was in force already it is not offered: it would take that back as well. `unless` is called
   * before anything is done; an error that it throws is a refusal.
   */
  async do(verb: Verb, said: Text, blanks: Record<string, string | number>, name: Text, undo?: readonly [verb: string, said: Text], unless = async () => {}): Promise<boolean> {
    const room = this.room(), standing = () => this.standing(String(verb["user_id"]), verb.verb);
    try {
      await unless();
      const before = undo && await standing(), done = await this.api.post<Done>(`rooms/${part(room)}/mod`, verb);
      const ours = before === "" ? await standing().catch(() => undefined) : undefined;
      const back = undo && ours !== undefined ? () => {
        this.back = undefined;
        if (this.room() === room) void this.do({ verb: undo[0], user_id: verb["user_id"] }, undo[1], blanks, "undo", undefined, async () => {
          if (await standing() !== ours) throw new Failed(0, "changed_since", ""); // By somebody else, who wants it so.
        });
      } : undefined;
      if (undo) this.back = back;
      toast(count(said, done.n, blanks), false, back);
      this.did(verb);
      return true;
    } catch (err) {
      toast(t("notDone", { what: t(name).replace("…", ""), why: wordsOf(err) }), true);
      return false;
    }
  }

  /** undo takes back the last thing that can be. */
  undo(): void {
    this.back?.();
    for (const b of $("toasts").querySelectorAll("button")) b.closest(".toast")!.remove();
  }

  /** forget forgets it: another room is open. */
  forget(): void {
    this.back = undefined;
  }

  /** mute mutes for ten minutes, and shortens nothing: the node has the newest mute count. */
  mute(user: string): void {
    const longer = this.longer(user, tenMinutes);
    if (longer) return toast(t("mutedLonger", { who: tame(user), longer }), true);
    void this.do({ verb: "mute", user_id: user, for_ms: tenMinutes }, "didMute", { who: tame(user) }, "mute", ["unmute", "didUnmute"]);
  }

  async ban(user: string): Promise<void> {
    const who = tame(user), answer = await ask({ title: t("askBan", { who }), what: t("askBanWhat"), yes: t("doBan"), fields: true });
    if (answer) await this.do({ verb: "ban", user_id: user, for_ms: answer.forMs, reason: answer.reason, purge: answer.purge }, "didBan", { who }, "ban", ["unban", "didUnban"]);
  }

  async purge(user: string): Promise<void> {
    const who = tame(user), answer = await ask({ title: t("askPurge", { who }), what: t("askPurgeWhat"), yes: t("doPurge") });
    if (answer) await this.do({ verb: "purge", user_id: user }, "didPurge", { who }, "purge");
  }
}
