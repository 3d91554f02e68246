import type { Moderation } from "./types.cjs";
/** forGood is the end of what does not end: of a ban or of a mute, in ms since 1970 (the protocol's). */
export declare const forGood = 253402300799000;
/**
 * flawOf says what is wrong with a Moderation; "" for nothing. The server knows what a verb needs, and which users may
 * send it.
 */
export declare function flawOf(op: Moderation): string;
