// A room as a user interface shows it: one picture a frame, however much comes in between.

import { invalid, shown, whole } from "./check.js";
import type { BarrageError } from "./errors.js";
import { clearedOf, means } from "./recalls.js";
import { Room } from "./room.js";
import { isPurged } from "./stream.js";
import type { Cleared, Message, Modes, Recalled, RoomOptions, State, Storm, You } from "./types.js";
import { readModes } from "./wire.js";

/** mostKept bounds what a view keeps: more than a list that draws all of it can show. */
const mostKept = 10_000;

/**
 * hiddenMs is how often a page that nobody sees, which has no frames, is notified of what came. Where there is no
 * page it is workerMs.
 */
const hiddenMs = 250;
const workerMs = 16;

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

/** nothing is what is shown before anything is known, and on a server that renders pages. */
const nothing: RoomView = {
  messages: [], online: 0, likes: 0, modes: readModes(undefined), you: { role: "", mutedUntil: 0, reason: "", can: [] }, userId: "", state: { name: "idle", reason: "new", closeCode: 0 }, storm: undefined, missed: 0, error: undefined,
};

/** Kept is a message with the epoch that its seq counts in. */
interface Kept {
  readonly message: Message;
  readonly epoch: string;
}

/**
 * RoomStore has the view of one room for as long as somebody looks: it connects for the first listener, and closes
 * after the last. It makes no Room before that, so that pages can be rendered where there is no WebSocket.
 */
export class RoomStore {
  readonly #options: ViewOptions;
  readonly #keep: number;
  readonly #listeners = new Set<() => void>();
  #room: Room | undefined;
  #kept: Kept[] = [];
  #view = nothing;
  #storm: Storm | undefined;
  #missed = 0;
  #error: BarrageError | undefined;
  #cancel: (() => void) | undefined; // of the next picture

  /** A RoomStore throws a BarrageError with code "invalid" where keep is none; see Room for the other options. */
  constructor(options: ViewOptions) {
    if (typeof options !== "object" || options === null) throw invalid(`cannot view a room: the options are no object but ${shown(options)}`);
    const { keep = 200 } = options;
    if (!whole(keep, 1) || keep > mostKept) throw invalid(`cannot view a room: keep is ${shown(keep)}, want a whole number from 1 to ${mostKept}`);
    this.#options = options;
    this.#keep = keep;
  }

  /** room is made when it is asked for first; it throws where the options make no sense. */
  get room(): Room {
    return (this.#room ??= this.#make());
  }

  /** view is the picture of now: the same one until listeners are notified of another. */
  readonly view = (): RoomView => this.#view;

  /** nothing is what a server renders. */
  readonly nothing = (): RoomView => nothing;

  /** subscribe calls the listener at most once a frame, when there is another view; the function returned ends that. */
  readonly subscribe = (listener: () => void): (() => void) => {
    const own = () => listener(); // the same one may listen twice
    this.#listeners.add(own);
    if (this.#listeners.size === 1) this.room.connect();
    return () => {
      if (!this.#listeners.delete(own) || this.#listeners.size > 0) return;
      this.#room?.close();
      this.#cancel?.();
      this.#cancel = undefined;
    };
  };

  /** acts are what a user does, to be handed to buttons. */
  readonly acts = {
    send: (...args: Parameters<Room["send"]>) => this.room.send(...args),
    like: (n?: number) => this.room.like(n),
    recall: (...args: Parameters<Room["recall"]>) => this.room.recall(...args),
    moderate: (...args: Parameters<Room["moderate"]>) => this.room.moderate(...args),
  };

  #make(): Room {
    const { keep: _, ...options } = this.#options, room = new Room(options), change = () => this.#change();
    room.on("message", (message) => {
      this.#kept.push({ message, epoch: room.epoch });
      // not one by one: each would move all
      if (this.#kept.length >= 2 * this.#keep) this.#kept = this.#kept.slice(-this.#keep);
      change();
    });
    room.on("recalled", (recalled) => this.#takeBack(recalled, room.epoch));
    room.on("purged", (purged) => this.#drop(({ message }) => isPurged(message, purged)));
    room.on("cleared", (cleared) => this.#clear(cleared));
    room.on("gap", ({ from, to }) => {
      this.#missed += from === 1 ? 1 : to - from + 1; // from 1 on: also messages that were received
      change();
    });
    room.on("storm", (storm) => {
      this.#storm = storm.level > 0 || storm.shown < storm.offered ? storm : undefined;
      change();
    });
    room.on("error", (error) => {
      this.#error = error;
      change();
    });
    room.on("state", ({ name }) => {
      if (name === "open") this.#error = undefined;
      else this.#storm = undefined; // its end would not be received
      change();
    });
    for (const event of ["welcome", "auth", "counters", "room", "you", "epoch"] as const) room.on(event, change);
    return room;
  }

  #takeBack(recalled: Recalled, epoch: string): void {
    this.#kept = this.#kept.map((kept) => (means(recalled, kept.message, kept.epoch === epoch) ? { ...kept, message: takenBack(kept.message) } : kept));
    this.#change();
  }

  #drop(gone: (kept: Kept) => boolean): void {
    this.#kept = this.#kept.filter((kept) => !gone(kept));
    this.#change();
  }

  #clear(cleared: Cleared): void {
    this.#kept.splice(0, clearedOf(this.#kept, cleared));
    this.#change();
  }

  #change(): void {
    if (this.#listeners.size > 0) this.#cancel ??= nextFrame(() => this.#draw());
  }

  #draw(): void {
    this.#cancel = undefined;
    const { online, likes, modes, you, userId, state } = this.room;
    const messages = this.#kept.slice(-this.#keep).map(({ message }) => message);
    this.#view = { messages, online, likes, modes, you, userId, state, storm: this.#storm, missed: this.#missed, error: this.#error };
    for (const listener of [...this.#listeners]) listener();
  }
}

function takenBack(message: Message): Message {
  const { seq, kind, userId, ts, id } = message;
  return { seq, kind, userId, body: "", ts, id, recalled: true };
}

/** nextFrame calls f with the next frame; where there are none, or nobody sees them, after a while. */
function nextFrame(f: () => void): () => void {
  const cancel = () => {
    clearTimeout(timer);
    if (frame !== undefined) cancelAnimationFrame(frame);
  };
  const once = () => {
    cancel();
    f();
  };
  // a page may hide before its frame
  const timer = setTimeout(once, typeof document === "undefined" ? workerMs : hiddenMs);
  const frame = typeof requestAnimationFrame === "function" ? requestAnimationFrame(once) : undefined;
  return cancel;
}
