// barrage-client/replay: the comments of a room in time with a video of it.

import { invalid, shown } from "./check.js";
import { Emitter } from "./emitter.js";
import type { Message, RoomEvents } from "./types.js";
import { readMessages } from "./wire.js";

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

/** jumpMs distinguishes a jump from a page that was busy: nobody could read the messages of so long a time at once. */
const jumpMs = 2000;

const epoch = "replay";

/**
 * readExport reads a room's history as "barrage admin export" and its call write it, a line of JSON each. Lines that
 * are no message are left out. It throws a BarrageError with code "invalid" for what is no string.
 */
export function readExport(text: string): Message[] {
  if (typeof text !== "string") throw invalid(`cannot read an export: it is no string but ${text === null ? "null" : typeof text}`);
  const lines = text.split("\n").map((line) => {
    try {
      return JSON.parse(line) as unknown;
    } catch {
      return undefined; // an empty line, or one that was cut off
    }
  });
  return readMessages(lines).filter((message) => !message.recalled);
}

/**
 * Replay delivers each message when the video comes to it, as a Room does: an Overlay shows it (overlay.show(replay)).
 * Where the video jumps, all messages are cleared, and the newest from before are delivered again as history.
 */
export class Replay {
  readonly epoch = epoch;
  /** url is that of the options, "" for none. */
  readonly url: string;
  readonly #video: VideoLike;
  readonly #messages: readonly Message[];
  readonly #t0: number;
  readonly #keep: number;
  readonly #events = new Emitter<RoomEvents>();
  #next = 0; // index of the next message to deliver
  #at = 0; // ms of the video, as of the last look

  /** A Replay throws a BarrageError with code "invalid" for what makes no sense. Messages are in any order. */
  constructor(video: VideoLike, messages: readonly Message[], options: ReplayOptions = {}) {
    const { t0, keep = 50, url = "" } = options ?? {};
    if (typeof video?.currentTime !== "number") throw invalid("cannot replay: the video has no currentTime");
    if (!Array.isArray(messages) || !messages.every((m) => Number.isFinite((m as Message | null)?.ts))) throw invalid("cannot replay: the messages are no list of messages; readExport makes one of a text");
    if (t0 !== undefined && !Number.isFinite(t0)) throw invalid(`cannot replay: t0 is ${shown(t0)}, want ms since 1970`);
    if (!(Number.isSafeInteger(keep) && keep >= 0)) throw invalid(`cannot replay: keep is ${shown(keep)}, want a whole number from 0`);
    this.#video = video;
    this.#messages = [...(messages as readonly Message[])].sort((a, b) => a.ts - b.ts);
    this.#t0 = t0 ?? this.#messages[0]?.ts ?? 0;
    this.#keep = keep;
    this.url = url;
  }

  /** date is when that happened which the video shows, in ms since 1970. */
  get date(): number {
    return this.#t0 + this.#at;
  }

  /** on adds a listener; the function returned removes it. Of a Room's events there are message and cleared. */
  on<E extends keyof RoomEvents>(event: E, listener: (...args: RoomEvents[E]) => void): () => void {
    return this.#events.on(event, listener);
  }

  /** start follows the video with each frame; the function returned ends that. */
  start(): () => void {
    let frame = 0;
    const look = () => {
      this.look();
      frame = requestAnimationFrame(look);
    };
    this.#jump(this.#video.currentTime * 1000);
    frame = requestAnimationFrame(look);
    return () => cancelAnimationFrame(frame);
  }

  /** look delivers what the video has come to since the last look: for callers that have frames of their own. */
  look(): void {
    const at = this.#video.currentTime * 1000;
    if (at < this.#at || at - this.#at > jumpMs) return this.#jump(at);
    this.#at = at;
    for (; this.#next < this.#messages.length && this.#messages[this.#next]!.ts - this.#t0 <= at; this.#next++) this.#say(this.#next, false);
  }

  #jump(at: number): void {
    this.#at = at;
    this.#next = this.#firstAfter(at);
    this.#events.emit("cleared", { epoch, seq: Number.MAX_SAFE_INTEGER, later: [] });
    for (let i = Math.max(0, this.#next - this.#keep); i < this.#next; i++) this.#say(i, true);
  }

  #say(i: number, history: boolean): void {
    this.#events.emit("message", this.#messages[i]!, { history });
  }

  /** #firstAfter is the index of the first message after that time of the video. */
  #firstAfter(at: number): number {
    let low = 0, high = this.#messages.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#messages[middle]!.ts - this.#t0 <= at) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
