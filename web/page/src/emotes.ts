// Pictures that stand for :names: in messages, as the node has them.

import { $, element } from "./dom.js";
import { home } from "./home.js";
import { t } from "./texts.js";

const inText = /:([A-Za-z0-9_+-]{1,32}):/g; // As the node's rule for rooms of emotes alone.

/** Emotes are those that the node has; none before they are loaded. */
export class Emotes {
  private urls = new Map<string, string>();
  private readonly pictures = new Map<string, HTMLImageElement>();

  /** loaded is called when there are some, and the panel that offers them is made. */
  constructor(private readonly loaded: () => void) {
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

  /** load asks the node once; a page without emotes works as well. */
  async load(): Promise<void> {
    let where: unknown;
    try {
      where = await (await fetch(new URL("emotes", home()))).json();
    } catch {
      return;
    }
    const all = Object.entries(where as Record<string, string>).filter(([name]) => name.length > 0);
    this.urls = new Map(all.map(([name, path]) => [name, new URL(path, home()).href]));
    if (!all.length) return;
    $("smile").hidden = false;
    $("emotes").replaceChildren(...all.map(([name]) => this.offer(name)));
    this.loaded();
  }

  /** speak shows the texts anew. */
  speak(): void {
    for (const button of document.querySelectorAll<HTMLElement>("#emotes button")) button.ariaLabel = t("emote", { name: button.dataset["name"]! });
  }

  /** in are the places of emotes in a text. */
  in(text: string): [from: number, to: number, name: string][] {
    const found: [number, number, string][] = [];
    if (!this.urls.size) return found;
    inText.lastIndex = 0;
    for (let match; (match = inText.exec(text)); ) {
      if (this.urls.has(match[1]!)) found.push([match.index, inText.lastIndex, match[1]!]);
      else inText.lastIndex--; // Its end may begin another one.
    }
    return found;
  }

  /** image is an emote for the list. */
  image(name: string): HTMLImageElement {
    const image = element("img", "emote") as HTMLImageElement;
    image.alt = image.title = `:${name}:`;
    image.decoding = "async";
    image.setAttribute("src", this.urls.get(name)!);
    return image;
  }

  /** picture is an emote to be drawn; undefined while it is not there, which asks for it. */
  picture(name: string): CanvasImageSource | undefined {
    if (!this.urls.has(name)) return undefined;
    const known = this.pictures.get(name) ?? this.image(name);
    this.pictures.set(name, known);
    return known.complete && known.naturalWidth > 0 ? known : undefined;
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
