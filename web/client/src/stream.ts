// The order of messages. A Stream hands on each message of a room once, in order of
// seq. What is missing is fetched from history while newer things wait, and what cannot
// be had is named. It remembers one number, the seq of the newest message handed on:
// whatever is not above it was seen, whatever is not right above it comes after a hole.
//
// While a node's store is away its members chat in an epoch of their own, a local one.
// What they said comes into the room's history later, with other numbers. So a Stream
// remembers where it was in other epochs, and what it heard in local ones, which is not
// new when it comes again.

import type { Gap, Message, Recalled } from "./types.js";

/** StreamHost is what a Stream talks to. */
export interface StreamHost {
  message(message: Message, history: boolean): void;
  recalled(recalled: Recalled): void;
  gap(gap: Gap): void;
  epoch(epoch: string, seq: number): void;
  /**
   * fetchBetween returns what history has of the seqs from..to, in order; it may lack some.
   * It rejects where history cannot be had, and soon after the signal.
   */
  fetchBetween(epoch: string, from: number, to: number, signal: AbortSignal): Promise<Message[]>;
}

/** Step is one thing to do, in order. */
type Step =
  | { do: "message"; message: Message; history: boolean }
  | { do: "missing"; from: number; to: number; reason: string }
  | { do: "recalled"; recalled: Recalled }
  | { do: "epoch"; epoch: string; seq: number };

/**
 * maxWaiting bounds the steps that wait for a fetch; then it is given up, so that memory
 * is bounded and a slow history does not hold the room back: 2 s of 1,000 messages/s.
 */
const maxWaiting = 2000;

/** maxHeard bounds what is remembered of a local epoch. */
const maxHeard = 2000;

/** maxPlaces bounds the epochs that are remembered. */
const maxPlaces = 8;

/** isLocal says that an epoch is of one node whose store is away: it has no history. */
export function isLocal(epoch: string): boolean {
  return epoch.startsWith("l-");
}

/** Stream orders the messages of one room. */
export class Stream {
  readonly #host: StreamHost;
  readonly #gapLimit: number;
  #joined = false;
  #epoch = "";
  #last = 0;
  readonly #places = new Map<string, number>(); // where it was in other epochs, oldest first
  readonly #heard = new Set<string>(); // in local epochs, by mark, oldest first
  #life = 0; // one more with each disconnection
  #steps: Step[] = [];
  #fetching: AbortController | undefined;

  constructor(host: StreamHost, gapLimit: number) {
    this.#host = host;
    this.#gapLimit = gapLimit;
  }

  /** epoch that last counts in; "" before the first welcome. */
  get epoch(): string {
    return this.#epoch;
  }

  /** last is the seq of the newest message handed on, or named in a gap. */
  get last(): number {
    return this.#last;
  }

  /** joined is true after the first welcome. */
  get joined(): boolean {
    return this.#joined;
  }

  /** welcome takes what a welcome brought; seq is the newest in the room, recalled are older ones that were taken back while we were away. */
  welcome(epoch: string, seq: number, messages: Message[], recalled: number[]): void {
    if (!this.#joined) return this.#join(epoch, seq, messages);
    this.#steps.push({ do: "epoch", epoch, seq });
    if (isLocal(epoch)) messages = recalled = []; // their numbers are not of this epoch
    for (const seq of recalled) this.#steps.push({ do: "recalled", recalled: { seq, by: "" } });
    for (const message of messages) if (message.seq <= seq) this.#steps.push({ do: "message", message, history: true });
    this.#steps.push({ do: "missing", from: 1, to: seq, reason: "missed" });
    this.#run();
  }

  /** #join takes the first welcome: what was said before its messages is not missing. */
  #join(epoch: string, seq: number, messages: Message[]): void {
    this.#joined = true;
    this.#epoch = epoch;
    const life = this.#life;
    for (const message of messages) {
      this.#handOn(message, true);
      if (life !== this.#life) return;
    }
    this.#last = seq;
  }

  /** batch takes new messages. */
  batch(epoch: string, messages: Message[]): void {
    const first = messages[0];
    if (!first) return;
    if (epoch !== "") this.#steps.push({ do: "epoch", epoch, seq: first.seq - 1 });
    for (const message of messages) this.#steps.push({ do: "message", message, history: false });
    this.#run();
  }

  /** gap takes word that from..to will not come by themselves. */
  gap(from: number, to: number, reason: string): void {
    this.#steps.push({ do: "missing", from, to, reason });
    this.#run();
  }

  /** recalled takes word that a message was taken back. */
  recalled(recalled: Recalled): void {
    if (recalled.seq <= this.#last) return this.#host.recalled(recalled);
    this.#steps.push({ do: "recalled", recalled }); // after the message itself
    this.#run();
  }

  /** epochChanged takes word that counting started again and has come to seq. */
  epochChanged(epoch: string, seq: number): void {
    this.#steps.push({ do: "epoch", epoch, seq }, { do: "missing", from: 1, to: seq, reason: "missed" });
    this.#run();
  }

  /** disconnected drops what waits: the next welcome starts from last. */
  disconnected(): void {
    this.#fetching?.abort();
    this.#fetching = undefined;
    this.#steps = [];
    this.#life++;
  }

  /** #run does what can be done, until something has to be fetched. */
  #run(): void {
    if (this.#fetching && this.#steps.length > maxWaiting) this.#fetching.abort();
    while (!this.#fetching) {
      const step = this.#steps.shift();
      if (!step) return;
      this.#take(step);
    }
  }

  #take(step: Step): void {
    switch (step.do) {
      case "message": {
        const { seq } = step.message;
        if (seq <= this.#last) return;
        if (seq === this.#last + 1) return this.#handOn(step.message, step.history);
        this.#steps.unshift(step);
        return this.#fill(seq - 1, "missed");
      }
      case "missing":
        if (step.to <= this.#last) return;
        if (step.from <= this.#last + 1) return this.#fill(step.to, step.reason);
        this.#steps.unshift(step);
        return this.#fill(step.from - 1, "missed");
      case "recalled":
        return this.#host.recalled(step.recalled);
      case "epoch":
        if (step.epoch === this.#epoch) return;
        if (this.#epoch === "" && !isLocal(step.epoch)) return void (this.#epoch = step.epoch); // an empty room has none
        this.#goTo(step.epoch, step.seq);
        return this.#host.epoch(step.epoch, step.seq);
    }
  }

  /** #goTo goes on in another epoch, of which seq is the newest message. */
  #goTo(epoch: string, seq: number): void {
    this.#places.delete(this.#epoch); // to stand last
    this.#places.set(this.#epoch, this.#last);
    if (this.#places.size > maxPlaces) this.#places.delete(oldestOf(this.#places)!);
    // Who came while the store was away begins now: what it has is from before.
    const begins = !isLocal(epoch) && [...this.#places.keys()].every(isLocal);
    this.#last = this.#places.get(epoch) ?? (begins ? seq : 0);
    this.#epoch = epoch;
  }

  /** #fill fetches what is missing up to to, at most the newest gapLimit, and names what it did not get. */
  #fill(to: number, reason: string): void {
    const from = Math.max(this.#last + 1, to - this.#gapLimit + 1);
    const nowhere = reason === "shed" || isLocal(this.#epoch); // nobody has these
    if (nowhere || from > to) return this.#nameUpTo(to, reason);
    const fetching = new AbortController();
    this.#fetching = fetching;
    const done = (messages: Message[]) => {
      if (this.#fetching !== fetching) return; // disconnected meanwhile
      this.#handOnUpTo(to, messages, reason);
      this.#fetching = undefined;
      this.#run();
    };
    this.#host.fetchBetween(this.#epoch, from, to, fetching.signal).then(done, () => done([]));
  }

  /** #handOnUpTo hands on messages up to to, and names those that are not there. */
  #handOnUpTo(to: number, messages: Message[], reason: string): void {
    const life = this.#life;
    for (const message of messages) {
      if (message.seq <= this.#last || message.seq > to) continue;
      this.#nameUpTo(message.seq - 1, reason);
      if (life === this.#life) this.#handOn(message, true);
      if (life !== this.#life) return; // a listener closed the room
    }
    this.#nameUpTo(to, reason);
  }

  #nameUpTo(to: number, reason: string): void {
    if (to <= this.#last) return;
    const from = this.#last + 1;
    this.#last = to; // first: a listener may ask
    this.#host.gap({ from, to, reason });
  }

  #handOn(message: Message, history: boolean): void {
    this.#last = message.seq;
    if (message.recalled) return this.#host.recalled({ seq: message.seq, by: "" });
    const heard = isLocal(this.#epoch) ? !this.#hear(mark(message)) : this.#heard.delete(mark(message));
    if (!heard) this.#host.message(message, history);
  }

  /** #hear remembers a message of a local epoch; false where another one had it: its sender went from node to node, and said it again. */
  #hear(heard: string): boolean {
    if (this.#heard.has(heard)) return false;
    this.#heard.add(heard);
    if (this.#heard.size > maxHeard) this.#heard.delete(oldestOf(this.#heard)!);
    return true;
  }
}

/** oldestOf returns the first key of a Map, or of a Set: the one that was added first. */
function oldestOf(keys: Map<string, unknown> | Set<string>): string | undefined {
  return keys.keys().next().value;
}

/** mark is what a message keeps when its number changes; a sender's timestamps differ. */
function mark(m: Message): string {
  return JSON.stringify(m.id ? [m.userId, m.id] : [m.userId, m.ts, m.body]);
}
