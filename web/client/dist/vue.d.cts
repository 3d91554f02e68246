import { type ComputedRef, type MaybeRefOrGetter } from "vue";
import type { Room } from "./room.cjs";
import { type RoomView, type ViewOptions } from "./view.cjs";
export type { RoomView, ViewOptions } from "./view.cjs";
/** UseRoom is the result of useRoom: the things to show, each as a ref, and functions for the user. */
export type UseRoom = {
    readonly [Part in keyof RoomView]: ComputedRef<RoomView[Part]>;
} & {
    /** room is the Room behind it, for what is not here. */
    readonly room: () => Room;
    readonly send: Room["send"];
    readonly like: Room["like"];
    readonly recall: Room["recall"];
    readonly moderate: Room["moderate"];
};
/**
 * useRoom keeps a component in a room while it is mounted, and changes its refs at most once a frame. Options may be a
 * ref or a getter: another url, room, userId, token or keep is another room. On a server that renders pages it shows
 * nothing yet. It throws a BarrageError where the options make no sense.
 */
export declare function useRoom(options: MaybeRefOrGetter<ViewOptions>): UseRoom;
