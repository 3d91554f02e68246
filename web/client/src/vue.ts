// barrage-client/vue: a room for a component, or for any scope of effects.

import { computed, type ComputedRef, getCurrentInstance, type MaybeRefOrGetter, onMounted, onScopeDispose, shallowRef, toValue, watch } from "vue";
import { identityOf, latest } from "./binding.js";
import type { Room } from "./room.js";
import { RoomStore, type RoomView, type ViewOptions } from "./view.js";

export type { RoomView, ViewOptions } from "./view.js";

/** UseRoom is the result of useRoom: the things to show, each as a ref, and functions for the user. */
export type UseRoom = { readonly [Part in keyof RoomView]: ComputedRef<RoomView[Part]> } & {
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
export function useRoom(options: MaybeRefOrGetter<ViewOptions>): UseRoom {
  const make = () => new RoomStore(latest(toValue(options), () => toValue(options)));
  let store = make(), end: (() => void) | undefined;
  const view = shallowRef(store.view());
  const show = () => void (view.value = store.view());
  const start = () => {
    end = store.subscribe(show);
    show();
  };
  watch(() => identityOf(toValue(options)), () => {
    const live = end !== undefined;
    end?.();
    store = make();
    if (live) start();
  });
  if (getCurrentInstance()) onMounted(start);
  else start();
  onScopeDispose(() => {
    end?.();
    end = undefined;
  });
  const parts = Object.keys(view.value).map((part) => [part, computed(() => view.value[part as keyof RoomView])]);
  const acts: Pick<UseRoom, "send" | "like" | "recall" | "moderate" | "room"> = {
    send: (...args) => store.acts.send(...args),
    like: (n) => store.acts.like(n),
    recall: (...args) => store.acts.recall(...args),
    moderate: (op) => store.acts.moderate(op),
    room: () => store.room,
  };
  return { ...Object.fromEntries(parts), ...acts } as UseRoom;
}
