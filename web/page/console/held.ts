// Messages that wait for a decision.

import { time } from "../src/dom.js";
import type { Acts } from "./acts.js";
import { type Api, type Held, part, wordsOf } from "./api.js";
import { $, button, element, note, own, sender, setText } from "./dom.js";
import { t } from "./texts.js";

const verbs = [["approve", "didApprove", "a"], ["deny", "didDeny", "r"]] as const;

/** HeldPanel shows what waits in the room of now, the oldest first. */
export class HeldPanel {
  private readonly rows = new Map<string, { held: Held; node: HTMLElement }>();

  constructor(private readonly api: Api, private readonly acts: Acts, private readonly room: () => string, private readonly card: (user: string) => void) {
    $("heldList").onkeydown = (e) => this.key(e);
  }

  /** clear is for another room. */
  clear(): void {
    $("heldList").replaceChildren();
    this.rows.clear();
    this.show(this.room() ? "" : t("pickRoom"));
  }

  /** ask asks what waits. */
  async ask(): Promise<void> {
    const room = this.room();
    try {
      const { held } = await this.api.get<{ held: Held[] }>(`rooms/${part(room)}/mod/held`);
      if (room !== this.room()) return;
      for (const h of held) this.add(h);
      for (const id of this.rows.keys()) if (!held.some((h) => h.held === id)) this.drop(id);
      this.show(held.length === 0 ? t("heldNone") : "");
    } catch (err) {
      this.show(wordsOf(err));
      throw err;
    }
  }

  /** speak shows the texts anew. */
  speak(): void {
    for (const row of this.rows.values()) {
      const node = this.node(row.held);
      row.node.replaceWith(node);
      row.node = node;
    }
    if (this.rows.size === 0) this.show(t(this.room() ? "heldNone" : "pickRoom"));
  }

  private add(held: Held): void {
    if (this.rows.has(held.held) || !held.messages[0]) return;
    const node = this.node(held);
    this.rows.set(held.held, { held, node });
    $("heldList").append(node);
  }

  private drop(id: string): void {
    const node = this.rows.get(id)!.node, focused = node.contains(document.activeElement);
    const next = (node.nextElementSibling ?? node.previousElementSibling)?.querySelector("button");
    this.rows.delete(id);
    node.remove();
    if (focused) (next ?? document.querySelector<HTMLElement>("nav [data-view=held]")!).focus(); // It went with the button.
  }

  private show(text: string): void {
    note("heldNote", text);
    $("heldCount").hidden = this.rows.size === 0;
    setText($("heldCount"), String(this.rows.size));
  }

  private node(held: Held): HTMLElement {
    const m = held.messages[0]!, node = element("li", "held"), who = sender(m), text = element("p", "text"), row = element("div", "row");
    node.dataset["held"] = held.held;
    const name = button("", "name", () => this.card(held.user_id));
    name.append(own("bdi", "", who));
    text.append(name, " ", own("span", "body", m.body));
    row.append(element("span", "soft", `${t(held.why === "review" ? "byReview" : "byFilter")} · ${t("waitsUntil", { when: time(held.until) })}`));
    for (const [verb, , key] of [...verbs].reverse()) {
      const b = button("", verb === "approve" ? "" : "danger", () => void this.decide(held, verb));
      b.append(`${t(verb)} `, element("kbd", "", key.toUpperCase()));
      row.append(b);
    }
    node.append(text, row);
    return node;
  }

  private async decide(held: Held, verb: "approve" | "deny"): Promise<void> {
    const said = verbs.find(([v]) => v === verb)![1];
    await this.acts.do({ verb, held: held.held }, said, { who: sender(held.messages[0]!) }, verb);
    await this.ask().catch(() => {}); // Also where somebody else was faster.
  }

  private key(e: KeyboardEvent): void {
    if (e.ctrlKey || e.metaKey || e.altKey || e.repeat) return;
    const node = (e.target as HTMLElement).closest<HTMLElement>(".held"), row = this.rows.get(node?.dataset["held"] ?? ""), key = e.key.toLowerCase();
    const verb = verbs.find(([, , k]) => k === key);
    if (!row) return;
    if (verb) void this.decide(row.held, verb[0]);
    else if (key === "j" || key === "k") (key === "j" ? node!.nextElementSibling : node!.previousElementSibling)?.querySelector<HTMLElement>(".row button")?.focus();
    else return;
    e.preventDefault();
  }
}
