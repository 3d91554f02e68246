import type { Message, RoomEvents } from "./types.cjs";
/** VideoLike is the part of a video element that a Replay looks at. */
export interface VideoLike {
    /** currentTime is in seconds. */
    readonly currentTime: number;
}
/** ReplayOptions say when the video began. */
export interface ReplayOptions {
    /** t0 is when the video began, in ms since 1970; default the ts of the first message. */
    t0?: number;
    /** keep is how many messages from before are shown again after a jump. Default 50. */
    keep?: number;
    /** url is the address of a node whose emotes an Overlay shows, as https://host/. Default none. */
    url?: string;
}
/**
 * readExport reads a room's history as "barrage admin export" and its call write it, a line of JSON each. Lines that
 * are no message are left out. It throws a BarrageError with code "invalid" for what is no string.
 */
export declare function readExport(text: string): Message[];
/**
 * Replay delivers each message when the video comes to it, as a Room does: an Overlay shows it (overlay.show(replay)).
 * Where the video jumps, all messages are cleared, and the newest from before are delivered again as history.
 */
export declare class Replay {
    #private;
    readonly epoch = "replay";
    /** url is that of the options, "" for none. */
    readonly url: string;
    /** A Replay throws a BarrageError with code "invalid" for what makes no sense. Messages are in any order. */
    constructor(video: VideoLike, messages: readonly Message[], options?: ReplayOptions);
    /** date is when that happened which the video shows, in ms since 1970. */
    get date(): number;
    /** on adds a listener; the function returned removes it. Of a Room's events there are message and cleared. */
    on<E extends keyof RoomEvents>(event: E, listener: (...args: RoomEvents[E]) => void): () => void;
    /** start follows the video with each frame; the function returned ends that. */
    start(): () => void;
    /** look delivers what the video has come to since the last look: for callers that have frames of their own. */
    look(): void;
}
