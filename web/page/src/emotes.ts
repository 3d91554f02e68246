// The panel that offers the emotes which the node has.

import { Emotes as Shown } from "../../client/src/show/emotes.js";
import { $, element } from "./dom.js";
import { home } from "./home.js";
import { t } from "./texts.js";

/** Emotes are those that the node has; none before they are loaded. */
export class Emotes extends Shown {
  /** loaded is called when there are some, and the panel that offers them is made. */
  constructor(loaded: () => void) {
    super(home(), (names) => {
      $("smile").hidden = false;
      $("emotes").replaceChildren(...names.map((name) => this.offer(name)));
      loaded();
    });
    const panel = $("emotes"), button = $("smile"), field = $<HTMLInputElement>("say");
    const open = (open: boolean) => {
      panel.hidden = !open;
      button.ariaExpanded = String(open);
    };
    button.onclick = () => open(panel.hidden !== false);
    panel.onclick = ({ target }) => {
      const name = (target as Element).closest("button")?.dataset["name"];
      if (!name) return;
      field.setRangeText(`:${name}: `, field.selectionStart ?? 0, field.selectionEnd ?? 0, "end");
      field.dispatchEvent(new Event("input"));
      field.focus();
    };
    for (const e of [panel, button]) {
      e.addEventListener("keydown", ({ key }) => {
        if (key !== "Escape" || panel.hidden) return;
        open(false);
        button.focus();
      });
    }
  }

  /** speak shows the texts anew. */
  speak(): void {
    for (const button of document.querySelectorAll<HTMLElement>("#emotes button")) button.ariaLabel = t("emote", { name: button.dataset["name"]! });
  }

  private offer(name: string): HTMLButtonElement {
    const button = element("button", "plain") as HTMLButtonElement, image = this.image(name);
    button.type = "button";
    button.dataset["name"] = name;
    button.ariaLabel = t("emote", { name });
    image.alt = "";
    image.loading = "lazy";
    button.append(image);
    return button;
  }
}
