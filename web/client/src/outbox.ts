// The user's requests. These are sends and recalls that wait for their answer, over
// reconnects, what a moderator does, and likes that wait for their second.

import { bytesOf, shown } from "./check.js";
import type { Env } from "./env.js";
import { SendError, type ErrorCode } from "./errors.js";
import { Pace } from "./pace.js";
import type { Can, Done, Limits, Message, Sent } from "./types.js";

/** maxPending bounds the sends and recalls that wait for an answer. */
const maxPending = 100;

/** likeEveryMs and likeMax: at most one like op per second, of at most 100 (the protocol's). */
const likeEveryMs = 1000;
const likeMax = 100;

/** againMs is how long to wait before a retry of what a server could not confirm, where it names no time. */
const againMs = 1000;

/**
 * verdicts are refusals by the rules of a room. None is of a recall, so one without an id is of a like. The time that
 * one names is for a person: the client does not send again by itself what the room did not want.
 */
const verdicts: readonly string[] = [
  "muted", "frozen", "slow_mode", "restricted", "too_early", "duplicate", "links", "emote_only", "caps", "blocked", "held", "shed",
];

/** Line is the connection of the moment; undefined while there is none. */
export interface Line {
  send(data: string): void;
}

/** Answer is what an Ask gets: of a mod that it was done, of the others where the message is. */
export type Answer = Sent | Done;

/** Ask is a frame that is answered by its id. */
export interface Ask {
  readonly t: "send" | "recall" | "mod";
  readonly verb?: string;
  readonly seq?: number;
  readonly epoch?: string;
  readonly body?: string;
  readonly kind?: string;
  readonly ext?: unknown;
}

interface Pending {
  readonly id: string;
  readonly ask: Ask;
  readonly data: string; // ask with its id, as JSON
  readonly resolve: (answer: Answer) => void;
  readonly reject: (err: SendError) => void;
  readonly promise: Promise<Answer>;
  readonly cancelTimeout: () => void;
  /** until is when it times out. */
  readonly until: number;
  /** tries is how often it went out, cancelRetry takes a further try back. */
  tries: number;
  cancelRetry: () => void;
}

/** Outbox keeps what is not answered yet. */
export class Outbox {
  readonly #env: Env;
  #userId: string; // "" = not known yet
  #mayLike = true;
  readonly #pending = new Map<string, Pending>();
  readonly #gone: (seq: number) => void;
  #line: Line | undefined;
  #limits: Pick<Limits, "maxBodyBytes" | "maxFrameBytes"> = { maxBodyBytes: 0, maxFrameBytes: 0 }; // 0 = not known
  /** #due are those that go out as soon as #pace lets them, the oldest first. */
  #due: Pending[] = [];
  readonly #pace = new Pace();
  #cancelPace: (() => void) | undefined;
  #likes = 0;
  #nextLikeAt = 0;
  #cancelLike: (() => void) | undefined;

  /**
   * gone is called with the seq of a message whose recall was carried out but not acknowledged: it may still be shown.
   */
  constructor(env: Env, userId: string, gone: (seq: number) => void) {
    this.#env = env;
    this.#userId = userId;
    this.#gone = gone;
  }

  /**
   * welcomed takes who the user is, and what they may do. An op that went out under an earlier user id, as a guest's,
   * does not go again: it might be there twice.
   */
  welcomed(userId: string, can: readonly Can[]): void {
    const before = this.#userId;
    this.#userId = userId || before;
    this.may(can);
    if (before === "" || before === this.#userId) return;
    for (const pending of [...this.#pending.values()]) {
      if (pending.tries > 0) this.#reject(pending, "unconfirmed", `it went out as of ${before}, who is ${this.#userId} now`);
    }
  }

  /** may takes what the user may do. */
  may(can: readonly Can[]): void {
    this.#mayLike = can.includes("like");
  }

  /** connected sends what waits, with the ids it had before. */
  connected(line: Line, limits: Limits): void {
    this.#line = line;
    this.#limits = limits;
    this.#pace.begin(limits);
    for (const pending of this.#pending.values()) this.#transmit(pending);
    this.#sendLikes();
  }

  /**
   * disconnected keeps everything for the next connection, but acts of a moderator that went out. One may be done, and
   * a second announcement would be one more.
   */
  disconnected(): void {
    this.#line = undefined;
    for (const pending of [...this.#pending.values()]) {
      if (pending.ask.t === "mod" && pending.tries > 0) this.#reject(pending, "unconfirmed", "the connection was lost before the answer came");
    }
    this.#due = [];
    this.#cancelPace?.();
    this.#cancelLike?.();
    this.#cancelPace = this.#cancelLike = undefined;
  }

  /** fail rejects all that waits and forgets the likes: there will be no next connection. */
  fail(code: ErrorCode, message: string): void {
    this.disconnected();
    this.#likes = 0;
    for (const pending of [...this.#pending.values()]) this.#reject(pending, code, message);
  }

  /** ask sends a frame. An id that waits already is the same frame. */
  ask(id: string, ask: Ask, timeoutMs: number): Promise<Answer> {
    const same = this.#pending.get(id);
    if (same) return same.promise;
    if (this.#pending.size >= maxPending) return Promise.reject(new SendError(id, "overflow", `cannot ${nameOf(ask)}: ${maxPending} wait for an answer`));
    let data: string;
    try {
      data = JSON.stringify({ ...ask, id });
    } catch (err) {
      return Promise.reject(new SendError(id, "invalid", `cannot ${nameOf(ask)}: ${shown(err)}`));
    }
    let resolve!: Pending["resolve"], reject!: Pending["reject"];
    const promise = new Promise<Answer>((res, rej) => {
      resolve = res;
      reject = rej;
    });
    const cancelTimeout = this.#env.after(timeoutMs, () => this.#reject(pending, "timeout", `no answer within ${timeoutMs} ms`));
    const pending: Pending = { id, ask, data, resolve, reject, promise, cancelTimeout, until: this.#env.now() + timeoutMs, tries: 0, cancelRetry: () => {} };
    this.#pending.set(id, pending);
    this.#transmit(pending);
    return promise;
  }

  /** like counts n likes; they go out within a second or as many as it takes. */
  like(n: number): void {
    this.#likes += n;
    this.#sendLikes();
  }

  /** done takes the server's report that an act of a moderator was carried out. */
  done(id: string, done: Done): void {
    const pending = this.#pending.get(id);
    if (pending?.ask.t === "mod") this.#settle(pending).resolve(done);
  }

  /**
   * acked takes the server's word that a message is in the room's history, with or without its number, or was taken
   * back.
   */
  acked(sent: Sent): void {
    const pending = this.#pending.get(sent.id);
    if (pending) this.#settle(pending).resolve(sent);
  }

  /** seen takes a message of the room: one of ours that waits has been taken, though its ack was lost. */
  seen(message: Message, epoch: string): void {
    if (message.id === "" || message.userId !== this.#userId) return;
    if (this.#pending.get(message.id)?.ask.t === "send") this.acked({ id: message.id, epoch, seq: message.seq, ts: message.ts });
  }

  /** recalled takes word that message seq of an epoch was taken back. */
  recalled(seq: number, epoch: string): void {
    for (const pending of [...this.#pending.values()]) {
      if (pending.ask.t === "recall" && seq > 0 && pending.ask.seq === seq && ["", epoch].includes(pending.ask.epoch ?? "")) this.#settle(pending).resolve({ id: pending.id, epoch: "", seq, ts: 0 });
    }
  }

  /**
   * refused takes a refusal; false where the app has to get it as an error. One without an id is of the
   * oldest recall: servers need not give the id of a recall back. Or it is of a like, as where the user is muted.
   * One with the id of an op that waits no more is late: its first try was seen, or its time was over.
   *
   * An op that went out before, on another connection, may be taken yet, whatever a node answers to
   * the second try. So that try is not the last, where the server names a time;
   * nor is any where it does not know itself. And a recall that went out before and finds
   * nothing has been done. An op that came too soon goes again by itself, if there is time for it. One that a room's
   * rules refuse does not, nor does an act of a moderator, but where it came too soon.
   */
  refused(id: string, code: ErrorCode, message: string, retryAfterMs: number | undefined): boolean {
    const verdict = verdicts.includes(code);
    if (id === "" && (verdict || (code === "forbidden" && !this.#mayLike))) return false;
    const pending = id === "" ? [...this.#pending.values()].find((p) => p.ask.t === "recall") : this.#pending.get(id);
    if (!pending) return id !== "";
    const { t, seq } = pending.ask, now = this.#env.now();
    if (code === "rate_limited" && retryAfterMs !== undefined && now + retryAfterMs < pending.until) {
      this.#pace.hold(now, retryAfterMs);
      this.#due.unshift(pending); // before those that were asked for later
      this.#drain();
      return true;
    }
    const again = code === "unconfirmed" ? retryAfterMs ?? againMs : pending.tries > 1 ? retryAfterMs : undefined;
    if (again !== undefined && !verdict && t !== "mod") {
      pending.cancelRetry();
      pending.cancelRetry = this.#env.after(again, () => this.#transmit(pending));
    } else if (t === "recall" && seq !== undefined && pending.tries > 1 && code === "not_found") {
      this.#gone(seq);
      this.recalled(seq, pending.ask.epoch ?? "");
    } else this.#reject(pending, code, message, retryAfterMs);
    return true;
  }

  #transmit(pending: Pending): void {
    if (!this.#line) return;
    // The server would close the connection, and the other ops that wait would never be answered.
    const { maxBodyBytes, maxFrameBytes } = this.#limits, body = bytesOf(pending.ask.body ?? ""), frame = bytesOf(pending.data);
    if (maxBodyBytes > 0 && body > maxBodyBytes) return this.#reject(pending, "invalid", `the body has ${body} bytes, the room takes ${maxBodyBytes}`);
    if (maxFrameBytes > 0 && frame > maxFrameBytes) return this.#reject(pending, "invalid", `as JSON the message has ${frame} bytes, the room takes ${maxFrameBytes}`);
    this.#due.push(pending);
    this.#drain();
  }

  /** #drain sends what is due, as fast as the server takes it. */
  #drain(): void {
    while (this.#line && !this.#cancelPace && this.#due.length > 0) {
      const pending = this.#due[0] as Pending;
      const waits = this.#pending.get(pending.id) === pending, now = this.#env.now();
      // timers stand still in a sleep, in which a server forgets ids
      if (waits && now >= pending.until) this.#reject(pending, "timeout", "no answer in time");
      else if (waits) {
        const wait = this.#pace.take(now);
        if (wait > 0) {
          this.#cancelPace = this.#env.after(wait, () => {
            this.#cancelPace = undefined;
            this.#drain();
          });
          return;
        }
        pending.tries++;
        this.#line.send(pending.data);
      }
      this.#due.shift();
    }
  }

  #sendLikes(): void {
    if (this.#likes === 0 || !this.#line || this.#cancelLike) return;
    const now = this.#env.now();
    if (now >= this.#nextLikeAt) this.#nextLikeAt = now + this.#pace.take(now); // a like is an op, too
    if (now >= this.#nextLikeAt) {
      const n = Math.min(this.#likes, likeMax);
      this.#likes -= n;
      this.#nextLikeAt = now + likeEveryMs;
      this.#line.send(JSON.stringify({ t: "like", n }));
    }
    if (this.#likes === 0) return;
    this.#cancelLike = this.#env.after(this.#nextLikeAt - now, () => {
      this.#cancelLike = undefined;
      this.#sendLikes();
    });
  }

  #reject(pending: Pending, code: ErrorCode, message: string, retryAfterMs?: number): void {
    this.#settle(pending).reject(new SendError(pending.id, code, `cannot ${nameOf(pending.ask)}: ${message}`, retryAfterMs));
  }

  #settle(pending: Pending): Pending {
    pending.cancelTimeout();
    pending.cancelRetry();
    this.#pending.delete(pending.id);
    return pending;
  }
}

/** nameOf is what an Ask does. */
function nameOf({ t, verb = t }: Ask): string {
  return verb;
}
