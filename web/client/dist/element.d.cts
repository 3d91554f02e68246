import { Room } from "./room.cjs";
import type { GetToken } from "./types.cjs";
declare const Base: typeof HTMLElement;
/**
 * BarrageRoom is in its room while it is in a document. Attributes: room, url, user-id, token, look (fly, list, both),
 * lines, fade (seconds), area, size, font, accent. Everybody who reads the page can read token: set the property
 * getToken instead. It fires "barrage-error" with a BarrageError as detail where the room closes for good, or an
 * attribute makes no sense.
 */
export declare class BarrageRoom extends Base {
    #private;
    static readonly observedAttributes: readonly string[];
    /** live is the Room of now, to send with, say; undefined while the element is in no document, or has no room. */
    get live(): Room | undefined;
    /** getToken gives the token of the login, see RoomOptions. */
    get getToken(): GetToken | undefined;
    set getToken(give: GetToken | undefined);
    connectedCallback(): void;
    disconnectedCallback(): void;
    attributeChangedCallback(): void;
}
export {};
