import type { BarrageError } from "./errors.js";
import { Room } from "./room.js";
import type { Message, Modes, RoomOptions, State, Storm, You } from "./types.js";
/** ViewOptions are those of a Room, and how many messages are kept. */
export interface ViewOptions extends RoomOptions {
    /** keep is how many of the newest messages stay, 1 to 10,000. Default 200. */
    keep?: number;
}
/** RoomView is what there is to show. Nobody changes it: another one takes its place. */
export interface RoomView {
    /** messages are the newest, the oldest first; one that was taken back stays, with recalled true and no text. */
    readonly messages: readonly Message[];
    readonly online: number;
    readonly likes: number;
    readonly modes: Modes;
    readonly you: You;
    readonly userId: string;
    readonly state: State;
    /** storm is undefined where the server shows all. */
    readonly storm: Storm | undefined;
    /** missed is how many messages are missing, as far as is known: a gap from 1 on counts as one. */
    readonly missed: number;
    /** error is the newest that nobody waited for, as why the room closed for good; undefined since it is open again. */
    readonly error: BarrageError | undefined;
}
/**
 * RoomStore has the view of one room for as long as somebody looks: it connects for the first listener, and closes
 * after the last. It makes no Room before that, so that pages can be rendered where there is no WebSocket.
 */
export declare class RoomStore {
    #private;
    /** A RoomStore throws a BarrageError with code "invalid" where keep is none; see Room for the other options. */
    constructor(options: ViewOptions);
    /** room is made when it is asked for first; it throws where the options make no sense. */
    get room(): Room;
    /** view is the picture of now: the same one until listeners are notified of another. */
    readonly view: () => RoomView;
    /** nothing is what a server renders. */
    readonly nothing: () => RoomView;
    /** subscribe calls the listener at most once a frame, when there is another view; the function returned ends that. */
    readonly subscribe: (listener: () => void) => (() => void);
    /** acts are what a user does, to be handed to buttons. */
    readonly acts: {
        send: (...args: Parameters<Room["send"]>) => Promise<import("./types.js").Sent>;
        like: (n?: number) => void;
        recall: (...args: Parameters<Room["recall"]>) => Promise<void>;
        moderate: (...args: Parameters<Room["moderate"]>) => Promise<import("./types.js").Done>;
    };
}
