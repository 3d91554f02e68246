import type { Room } from "./room.cjs";
import { type RoomView, type ViewOptions } from "./view.cjs";
export type { RoomView, ViewOptions } from "./view.cjs";
/** UseRoom is the result of useRoom: the things to show, and functions for the user. The functions stay the same. */
export interface UseRoom extends RoomView {
    /** room is the Room behind it, for what is not here; first used in an effect or by an event. */
    readonly room: () => Room;
    readonly send: Room["send"];
    readonly like: Room["like"];
    readonly recall: Room["recall"];
    readonly moderate: Room["moderate"];
}
/**
 * useRoom keeps a component in a room while it is mounted, and renders it at most once a frame. Another url, room,
 * userId, token or keep is another room; getToken may be another function each time. On a server that renders pages it
 * shows nothing yet. Options that a Room refuses are thrown in an effect, for an error boundary.
 */
export declare function useRoom(options: ViewOptions): UseRoom;
