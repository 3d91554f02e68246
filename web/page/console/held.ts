// Messages that wait for a decision.

import { time } from "../src/dom.js";
import { besides } from "../src/held.js";
import type { Acts } from "./acts.js";
import { type Api, type Held, part, wordsOf } from "./api.js";
import { $, button, element, note, own, sender, setText } from "./dom.js";
import { t } from "./texts.js";

const mostGone = 100; // Rows that stay for a moderator who points at the list.
const verbs = [["approve", "didApprove", "a"], ["deny", "didDeny", "r"]] as const;

/**
 * HeldPanel shows what waits in the room of now, the oldest first. Others decide, too. While one points at the list, or
 * is in that row, a message that they decided stays there, and can be decided no more. Else the next one would slide
 * under the pointer or the key.
 */
export class HeldPanel {
  private pointed = false;
  private readonly rows = new Map<string, { held: Held; node: HTMLElement }>();

  constructor(private readonly api: Api, private readonly acts: Acts, private readonly room: () => string, private readonly card: (user: string) => void) {
    const list = $("heldList"), point = (on: boolean) => () => {
      this.pointed = on;
      this.sweep();
    };
    list.onkeydown = (e) => this.key(e);
    list.onpointerenter = point(true);
    list.onpointerleave = point(false);
    list.addEventListener("focusout", () => setTimeout(() => this.sweep())); // Then the focus is where it goes.
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
    const { node } = this.rows.get(id)!;
    this.rows.delete(id);
    node.style.minHeight = `${node.offsetHeight}px`; // Fewer words, and those below stay where they are.
    node.classList.add("gone");
    for (const b of node.querySelectorAll(".row button")) b.ariaDisabled = "true";
    node.querySelector(".row .soft")!.textContent = t("heldGone");
    this.sweep();
  }

  /** sweep takes rows away that are decided, and in nobody's way. */
  private sweep(): void {
    const gone = [...$("heldList").querySelectorAll(".gone")].filter((node) => !node.contains(document.activeElement));
    for (const node of this.pointed ? gone.slice(0, -mostGone) : gone) node.remove();
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
    if (m.ext !== undefined) text.append(" ", element("small", "soft", besides(m.ext)));
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
    const said = verbs.find(([v]) => v === verb)![1], node = this.rows.get(held.held)?.node;
    if (!node) return;
    await this.acts.do({ verb, held: held.held }, said, { who: sender(held.messages[0]!) }, verb);
    await this.ask().catch(() => {}); // Also where somebody else was faster.
    if (!node.classList.contains("gone") || !node.contains(document.activeElement)) return;
    const next = [...this.rows.values()].map((row) => row.node), after = next.find((other) => node.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING) ?? next.at(-1);
    (after?.querySelector<HTMLElement>(".row button") ?? document.querySelector<HTMLElement>("nav [data-view=held]")!).focus();
  }

  private key(e: KeyboardEvent): void {
    if (e.ctrlKey || e.metaKey || e.altKey || e.repeat) return;
    const node = (e.target as HTMLElement).closest<HTMLElement>(".held"), row = this.rows.get(node?.dataset["held"] ?? ""), key = e.key.toLowerCase();
    const verb = verbs.find(([, , k]) => k === key);
    if (verb && row) void this.decide(row.held, verb[0]);
    else if (key === "j" || key === "k") (key === "j" ? node?.nextElementSibling : node?.previousElementSibling)?.querySelector<HTMLElement>(".row button")?.focus();
    else return;
    e.preventDefault();
  }
}
