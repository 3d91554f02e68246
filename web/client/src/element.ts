// barrage-client/element: <barrage-room room="42"></barrage-room>, the comments of a room over whatever it lies on.
// Where there are no elements, as on a server that renders pages, it can be imported and does nothing.

import type { BarrageError } from "./errors.js";
import { Overlay, type OverlayOptions } from "./overlay.js";
import { Room } from "./room.js";
import type { GetToken, RoomOptions } from "./types.js";

const hostStyle = ":host { display: block; position: relative; min-height: 1em; } :host([hidden]) { display: none; }";

const attributes = ["room", "url", "user-id", "token", "look", "lines", "fade", "area", "size", "font", "accent"] as const;

const Base = (globalThis.HTMLElement ?? class {}) as typeof HTMLElement;

/**
 * BarrageRoom is in its room while it is in a document. Attributes: room, url, user-id, token, look (fly, list, both),
 * lines, fade (seconds), area, size, font, accent. Everybody who reads the page can read token: set the property
 * getToken instead. It fires "barrage-error" with a BarrageError as detail where the room closes for good, or an
 * attribute makes no sense.
 */
export class BarrageRoom extends Base {
  static readonly observedAttributes: readonly string[] = attributes;
  #getToken: GetToken | undefined;
  #room: Room | undefined;
  #overlay: Overlay | undefined;
  #due = false;

  /** live is the Room of now, to send with, say; undefined while the element is in no document, or has no room. */
  get live(): Room | undefined {
    return this.#room;
  }

  /** getToken gives the token of the login, see RoomOptions. */
  get getToken(): GetToken | undefined {
    return this.#getToken;
  }

  set getToken(give: GetToken | undefined) {
    this.#getToken = give;
    this.#again();
  }

  connectedCallback(): void {
    this.#adopt();
    this.#again();
  }

  disconnectedCallback(): void {
    this.#again();
  }

  attributeChangedCallback(): void {
    this.#again();
  }

  /** #adopt takes the getToken that a page set before this class was there: as the element's own it hides ours. */
  #adopt(): void {
    if (!Object.hasOwn(this, "getToken")) return;
    const early = this as { getToken?: GetToken | undefined }, give = early.getToken;
    delete early.getToken;
    this.getToken = give;
  }

  /** #again begins anew, once for all that changes together. */
  #again(): void {
    if (this.#due) return;
    this.#due = true;
    queueMicrotask(() => {
      this.#due = false;
      this.#end();
      if (this.isConnected && this.getAttribute("room")) this.#begin();
    });
  }

  #begin(): void {
    try {
      const overlay = (this.#overlay = new Overlay(this.#shadow(), this.#look())), room = (this.#room = new Room(this.#options()));
      overlay.show(room);
      room.on("error", (err) => this.#fire(err));
      room.connect();
    } catch (err) {
      this.#end();
      this.#fire(err as BarrageError);
    }
  }

  #end(): void {
    this.#overlay?.close();
    this.#room?.close();
    this.#overlay = this.#room = undefined;
  }

  #fire(detail: BarrageError): void {
    this.dispatchEvent(new CustomEvent("barrage-error", { detail }));
  }

  #shadow(): ShadowRoot {
    if (this.shadowRoot) return this.shadowRoot;
    const root = this.attachShadow({ mode: "open" }), sheet = new CSSStyleSheet();
    sheet.replaceSync(hostStyle);
    root.adoptedStyleSheets = [sheet];
    return root;
  }

  #look(): OverlayOptions {
    const number = (name: string, times = 1) => (this.hasAttribute(name) ? Number(this.getAttribute(name)) * times : undefined);
    const all = { look: this.getAttribute("look") ?? undefined, lines: number("lines"), fadeMs: number("fade", 1000), area: number("area"), size: number("size"), font: this.getAttribute("font") ?? undefined, accent: this.getAttribute("accent") ?? undefined };
    return given(all) as OverlayOptions;
  }

  #options(): RoomOptions {
    const [room, url, userId, token] = ["room", "url", "user-id", "token"].map((name) => this.getAttribute(name) ?? undefined);
    return given({ room, url, userId, ...(this.#getToken ? { getToken: this.#getToken } : { token }) }) as unknown as RoomOptions;
  }
}

/** given leaves out what is not there. */
function given(options: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

if (globalThis.customElements && !customElements.get("barrage-room")) customElements.define("barrage-room", BarrageRoom);
