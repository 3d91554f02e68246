import type { Room } from "./room.js";
import type { Message } from "./types.js";
/** OverlayOptions say how comments are shown. */
export interface OverlayOptions {
    /**
     * look: comments fly, stand in a list of the newest, or both. Default "fly"; a list for people who want nothing to
     * move.
     */
    look?: "fly" | "list" | "both";
    /** lines is how many the list has at most, 1 to 100. Default 8. */
    lines?: number;
    /** fadeMs is how long a line stays; 0 for as long as there is room. Default 0. */
    fadeMs?: number;
    /** area is the part of the height in which comments fly, from the top, 0.1 to 1. Default 1. */
    area?: number;
    /** size is that of letters, where the room is calm, in px, 8 to 200. Default that of --barrage-size, or 22. */
    size?: number;
    /** font is a list of fonts, as CSS has it. Default that of --barrage-font. */
    font?: string;
    /** accent is the colour of names, as CSS has it. Default that of --barrage-accent, or one for each user. */
    accent?: string;
    /** hide leaves a message out; default none. */
    hide?: (message: Message) => boolean;
}
/**
 * Shown is the part of a Room that an overlay shows. It has a date, in ms since 1970, where its time is another one
 * than now; all stands still with it. Without url, the address of a node, there are no emotes.
 */
export type Shown = Pick<Room, "on" | "epoch"> & Partial<Pick<Room, "url">> & {
    readonly date?: number;
};
/** overlayStyle is the style sheet of overlays, which they bring along where their document or shadow root has none. */
export declare const overlayStyle = "\n.barrage { position: absolute; inset: 0; overflow: hidden; pointer-events: none; color: var(--barrage-color, #fff); font: var(--barrage-weight, 600) var(--barrage-size, 22px)/1.35 var(--barrage-font, system-ui, sans-serif); text-shadow: var(--barrage-shadow, 0 1px 3px rgb(0 0 0 / .85), 0 0 2px rgb(0 0 0 / .85)); }\n.barrage-sky { position: absolute; inset: 0 0 auto; width: 100%; height: calc(100% * var(--barrage-area, 1)); }\n.barrage-list { position: absolute; inset: auto 0 0; display: grid; gap: var(--barrage-gap, .15em); margin: 0; padding: var(--barrage-padding, .6em); list-style: none; }\n.barrage-row { overflow-wrap: anywhere; overflow: clip; overflow-clip-margin: .2em; }\n.barrage-name { margin-inline-end: .45em; color: var(--barrage-accent, oklch(.86 .12 var(--barrage-hue))); unicode-bidi: isolate; }\n.barrage-text { unicode-bidi: isolate; font-weight: var(--barrage-text-weight, 500); }\n.barrage-emote { height: 1.4em; max-width: 4.2em; vertical-align: middle; object-fit: contain; }\n.barrage-said { color: var(--barrage-accent, #ffe9a8); }\n.barrage-fades .barrage-row { animation: barrage-out 600ms var(--barrage-fade) both; }\n.barrage-stands .barrage-row { animation-play-state: paused; }\n@keyframes barrage-out { to { opacity: 0; } }\n@media (prefers-reduced-motion: reduce) { .barrage-sky { display: none; } }\n";
/** Overlay shows the messages of a room. It draws once a frame, and leaves out what nobody could read. */
export declare class Overlay {
    #private;
    /**
     * An Overlay fills place, which is positioned. It throws a BarrageError with code "invalid" for what makes no sense.
     */
    constructor(place: HTMLElement | ShadowRoot, options?: OverlayOptions);
    /** show shows the messages of this room from now on, and no other one's any more. */
    show(room: Shown): void;
    /** clear takes all off, and receives no more. */
    clear(): void;
    /** close takes the overlay away. */
    close(): void;
}
