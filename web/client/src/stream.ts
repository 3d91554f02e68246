// The order of messages. A Stream hands on each message of a room once, in order. A
// message is known by its key (see Seen). Its number says where it stands within an epoch: a message that is not right
// above the last one comes after a hole. Missing messages are fetched from history while newer things wait, and those
// that cannot be fetched are named.

import { Seen, type Known } from "./seen.js";
import type { Cleared, Gap, Message, Purged, Recalled } from "./types.js";
import type { UpTo } from "./wire.js";

/** StreamHost is what a Stream talks to. */
export interface StreamHost {
  message(message: Message, history: boolean): void;
  recalled(recalled: Recalled): void;
  purged(purged: Purged): void;
  cleared(cleared: Cleared): void;
  gap(gap: Gap): void;
  /** epoch: numbers go on from seq. */
  epoch(epoch: string, seq: number): void;
  /**
   * fetchBetween returns what history has of the seqs from..to, in order; it may lack some.
   * It rejects where history cannot be fetched, and soon after the signal.
   */
  fetchBetween(epoch: string, from: number, to: number, signal: AbortSignal): Promise<Message[]>;
}

/** Place is where a Stream has got; ts is that of the message numbered since, undefined where it is not known. */
export interface Place {
  readonly epoch: string;
  readonly since: number;
  readonly ts: number | undefined;
}

/** Welcomed is what a welcome brings of messages: seq is the newest number. */
export interface Welcomed {
  readonly epoch: string;
  readonly seq: number;
  /** recovered: the server proves that messages are all that came behind our place. */
  readonly recovered: boolean;
  /** messages are in the room's order; those without a number have seq 0. */
  readonly messages: Message[];
  /** recalled are of late. */
  readonly recalled: Recalled[];
  /** cleared is the number behind which history begins, in this epoch; 0 for all of it. */
  readonly cleared: number;
}

/** Step is one thing to do, in order. */
type Step =
  | { do: "message"; message: Message; history: boolean; counted: boolean } // counted: known by its number
  | { do: "missing"; from: number; to: number; reason: string } // to be fetched
  | { do: "name"; to: number; reason: string } // cannot be fetched
  | { do: "batch"; epoch: string; seq: number } // one of that epoch comes, behind seq
  | { do: "place"; epoch: string; seq: number; ts?: number }
  | { do: "cleared"; seq: number }
  // by the message seq, whether it is the same count
  | { do: "prove"; epoch: string; seq: number; cleared: number; goOn: Step[]; rejoin: Step[] }
  | { do: "rejoin"; epoch: string; seq: number; messages: Message[]; fetched: boolean };

/**
 * maxWaiting bounds the steps that wait for a fetch. Then it is given up, so that memory is
 * bounded, and a slow history does not hold the room back. It is 2 s of 1,000 messages/s.
 */
const maxWaiting = 2000;

/** maxEpochs bounds the epochs that are remembered: those that a node may still name. */
const maxEpochs = 16;

/** maxPurges bounds the purges that are kept during one fetch: it takes 12 s at most. */
const maxPurges = 1000;

/** isLocal says that an epoch is of one node whose store is away: it has no history. */
export function isLocal(epoch: string): boolean {
  return epoch.startsWith("l-");
}

/** recallOf is a recall of which the number alone is known. */
export function recallOf(seq: number): Recalled {
  return { seq, by: "", userId: "", id: "", ts: 0 };
}

/** Stream orders the messages of one room. */
export class Stream {
  readonly #host: StreamHost;
  readonly #gapLimit: number;
  readonly #seen = new Seen(); // handed on
  readonly #recalled = new Seen(); // taken back: whichever was not handed on never is
  #joined = false;
  #epochs: string[] = [""]; // in which we have counted, the newest last
  #coming = ""; // the epoch of what came last, which may still wait
  #last = 0;
  #lastTs = 0; // of message #last; 0 = not known
  #life = 0; // one more with each disconnection
  #steps: Step[] = [];
  #fetching: AbortController | undefined;
  // by epoch: up to where it was handed on that all was taken away, or nothing was received
  readonly #cleared = new Map<string, number>();
  #rules: UpTo = { epoch: "", seq: 0 }; // by the room's rules; a history that goes on in another epoch keeps the number
  #clearing: Step | undefined; // steps before it are of other epochs than the one that was cleared, and older
  #purges: Purged[] = []; // since the fetch began: its result, and messages that wait for it, may be from before

  constructor(host: StreamHost, gapLimit: number) {
    this.#host = host;
    this.#gapLimit = gapLimit;
  }

  /** epoch that last counts in; "" before the first welcome. */
  get epoch(): string {
    return this.#epochs.at(-1)!;
  }

  /** last is the seq up to which everything was handed on, named in a gap, or known before. */
  get last(): number {
    return this.#last;
  }

  /** place is where to resume; undefined before the first welcome. */
  get place(): Place | undefined {
    return this.#joined ? { epoch: this.epoch, since: this.#last, ts: this.#lastTs || undefined } : undefined;
  }

  /** welcome takes what a welcome brought. */
  welcome(welcome: Welcomed): void {
    if (!this.#joined) return this.#join(welcome);
    const { epoch, seq } = welcome;
    this.#coming = epoch;
    const messages = welcome.messages.filter((m) => m.seq <= seq || isLocal(epoch)); // newer ones come by themselves
    const life = this.#life, goesOn = this.#goesOn(welcome);
    if (!goesOn && epoch === this.epoch) this.#recount(epoch, welcome.cleared);
    this.#clear(epoch, welcome.cleared);
    if (life !== this.#life) return;
    for (const recalled of welcome.recalled) {
      this.recalled(recalled);
      if (life !== this.#life) return; // a listener closed the room
    }
    const goOn: Step[] = [{ do: "batch", epoch, seq }, ...asSteps(messages), upTo(seq)];
    const rejoin: Step[] = [{ do: "rejoin", epoch, seq, messages, fetched: false }];
    if (!goesOn) this.#steps.push(...rejoin);
    else if (welcome.recovered || this.#lastTs === 0 || this.isCleared(epoch, this.#last) || messages.some((m) => m.seq === this.#last)) this.#steps.push(...goOn);
    else this.#steps.push({ do: "prove", epoch, seq: this.#last, cleared: welcome.cleared, goOn, rejoin });
    this.#run();
  }

  /** #join takes the first welcome: messages from before its own are not missing. */
  #join({ epoch, seq, messages, recalled, cleared }: Welcomed): void {
    this.#joined = true;
    this.#coming = epoch;
    this.#enter(epoch);
    if (!isLocal(epoch)) this.#cleared.set(epoch, cleared);
    this.#rules = { epoch: isLocal(epoch) ? "" : epoch, seq: cleared };
    for (const r of recalled) this.#recalled.add(r); // nothing of it is on the screen
    const life = this.#life;
    for (const message of isLocal(epoch) ? messages.map(unnumbered) : messages) {
      this.#handOn(message, true, true);
      if (life !== this.#life) return;
    }
    this.#moveTo(seq);
  }

  /** #goesOn says that a welcome counts on from last: in the same epoch, not further back, with our message there. */
  #goesOn({ epoch, seq, messages }: Welcomed): boolean {
    if (isLocal(epoch) || seq < this.#last || (epoch !== this.epoch && this.epoch !== "")) return false;
    return this.#lastTs === 0 || !messages.some((m) => this.#replaces(m));
  }

  /** #replaces says that a message has taken the number of our last one, whose ts is known: the store has gone back. */
  #replaces({ seq, ts, recalled }: Message): boolean {
    return seq === this.#last && !recalled && ts !== this.#lastTs;
  }

  /** batch takes new messages. */
  batch(epoch: string, messages: Message[]): void {
    const first = messages[0];
    if (!first) return;
    if (epoch !== "") this.#steps.push({ do: "batch", epoch: (this.#coming = epoch), seq: first.seq - 1 });
    for (const message of messages) this.#steps.push({ do: "message", message, history: false, counted: true });
    this.#run();
  }

  /** gap takes word that from..to will not come by themselves. */
  gap(from: number, to: number, reason: string): void {
    this.#steps.push({ do: "missing", from, to, reason });
    this.#run();
  }

  /** recalled hands on once that a message was taken back. A message that is still to come is passed over then. */
  recalled(recalled: Recalled): void {
    if (recalled.userId === "" || this.#recalled.add(recalled)) this.#host.recalled(recalled);
  }

  /** wasRecalled says that a message was taken back, as far as that is remembered. */
  wasRecalled(message: Message): boolean {
    return this.#recalled.has(asRecall(message));
  }

  /**
   * purged hands on that a user's messages were taken away. Messages that wait here, or are on their way from history,
   * are passed over.
   */
  purged(purged: Purged): void {
    for (const message of this.#steps.flatMap(messagesOf)) this.#purge(message, purged);
    if (this.#fetching) this.#purges = [...this.#purges, purged].slice(-maxPurges);
    this.#host.purged(purged);
  }

  #purge(message: Message, purged: Purged): void {
    if (isPurged(message, purged) && !this.#seen.has(message)) this.#recalled.add(asRecall(message));
  }

  /**
   * cleared hands on once that all up to a number was taken away. None of it is handed on any more, nor is it missing.
   */
  cleared({ epoch, seq }: UpTo): void {
    if (seq <= (this.#cleared.get(epoch) ?? -1)) return;
    this.#cleared.delete(epoch); // the newest is the last one
    this.#cleared.set(epoch, seq);
    if (this.#cleared.size > maxEpochs) this.#cleared.delete([...this.#cleared.keys()][0]!);
    if (!isLocal(epoch) && ["", epoch].includes(this.#rules.epoch)) this.#rules = { epoch, seq: Math.max(seq, this.#rules.seq) };
    this.#clearing = this.#entry(epoch);
    this.#host.cleared({ epoch, seq, later: epoch !== this.#coming && this.#epochs.includes(epoch) ? this.#epochs.slice(this.#epochs.indexOf(epoch) + 1) : [] });
  }

  /** #entry is the last step that waits and comes into an epoch from another one. */
  #entry(epoch: string): Step | undefined {
    let at = this.epoch, entry: Step | undefined;
    for (const step of this.#steps) {
      if (!("epoch" in step)) continue;
      if (step.epoch === epoch && at !== epoch) entry = step;
      at = step.epoch;
    }
    return entry;
  }

  /** clearedTo takes the number of a room's rules. It counts in the epoch of those, which may still wait here. */
  clearedTo(seq: number): void {
    this.#steps.push({ do: "cleared", seq });
    this.#run();
  }

  /**
   * #clear takes such a number. A history that goes on in another epoch keeps it, or what it has of it: then it is no
   * news.
   */
  #clear(epoch: string, seq: number): void {
    // it counts in the store's epoch, and frames have reported it
    if (isLocal(epoch)) return void (this.#rules = { epoch: "", seq });
    const isNew = seq > Math.max(this.#rules.seq, this.#clearedIn(epoch));
    this.#rules = { epoch, seq };
    if (isNew) this.cleared(this.#rules);
  }

  /** #recount takes word that numbers of an epoch may be others' now, and that it is cleared up to seq. */
  #recount(epoch: string, seq: number): void {
    const told = this.#cleared.get(epoch);
    if (told !== undefined && !isLocal(epoch)) this.#cleared.set(epoch, Math.min(told, seq));
  }

  #clearedIn(epoch: string): number {
    return Math.max(this.#cleared.get(epoch) ?? 0, epoch === this.#rules.epoch ? this.#rules.seq : 0);
  }

  /** isCleared says that number seq of an epoch was cleared. */
  isCleared(epoch: string, seq: number): boolean {
    return seq > 0 && seq <= this.#clearedIn(epoch);
  }

  /** #floor is the number up to which nothing is missing, as it was cleared; before the entry to its epoch all was. */
  get #floor(): number {
    return this.#clearing ? Infinity : this.#clearedIn(this.epoch);
  }

  /**
   * placed takes word that numbers go on from seq in an epoch, and that nothing up to there is still to come. Message
   * seq has the timestamp ts, 0 where it is not known.
   */
  placed(epoch: string, seq: number, ts: number): void {
    this.#coming = epoch;
    this.#steps.push({ do: "place", epoch, seq, ts });
    this.#run();
  }

  /** disconnected drops what waits: the next welcome starts from last. */
  disconnected(): void {
    this.#fetching?.abort();
    this.#fetching = undefined;
    this.#purges = [];
    this.#clearing = undefined;
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
    if (step === this.#clearing) this.#clearing = undefined;
    switch (step.do) {
      case "message": {
        const { seq } = step.message;
        if (seq > this.#last + 1) return this.#fill(seq - 1, "missed", step);
        if (seq === 0 || seq > this.#last) this.#handOn(step.message, step.history, step.counted);
        return;
      }
      case "missing":
        if (step.from > this.#last + 1) return this.#fill(step.from - 1, "missed", step);
        return this.#fill(step.to, step.reason);
      case "name": {
        if (step.to <= this.#last) return;
        const from = Math.max(this.#last, this.#floor) + 1;
        this.#moveTo(step.to); // first: a listener may ask
        if (from <= step.to) this.#host.gap({ from, to: step.to, reason: step.reason });
        return;
      }
      case "batch":
        if (this.epoch === "" && !isLocal(step.epoch)) this.#enter(step.epoch); // an empty room has none
        if (this.epoch === step.epoch) return;
        return this.#place(step.epoch, step.seq);
      case "place":
        return this.#place(step.epoch, step.seq, step.ts);
      case "cleared":
        if (!this.#clearing) this.#clear(this.epoch, step.seq); // else a later one is known
        return;
      case "prove":
        return this.#fetch(step.epoch, step.seq, step.seq, (found) => {
          if (!found.some((m) => this.#replaces(m))) return step.goOn;
          this.#rules = { epoch: step.epoch, seq: step.cleared };
          this.#recount(step.epoch, step.cleared);
          return step.rejoin;
        });
      case "rejoin":
        return this.#rejoin(step);
    }
  }

  /**
   * #place goes on from seq in an epoch. A later clear there has a greater number, or a frame of its own.
   */
  #place(epoch: string, seq: number, ts = 0): void {
    if (!isLocal(epoch) && epoch !== this.#rules.epoch) this.#rules = { epoch, seq: Math.min(seq, this.#rules.seq) };
    this.#enter(epoch);
    this.#last = seq;
    this.#lastTs = ts;
    this.#host.epoch(epoch, seq);
  }

  /**
   * #rejoin finds out by their keys which of a welcome's messages are new, where numbers do
   * not show it. New are those that were not seen, and are not from before. If none was that stands where it stood,
   * older ones are fetched. If none of these was either, all are new but those from before the first welcome.
   */
  #rejoin(step: Step & { do: "rejoin" }): void {
    const { epoch, seq, messages, fetched } = step, local = isLocal(epoch);
    // A message received in a local epoch, or lost by the store and sent again, may have another number now. Under
    // its old one, too, it may stand behind messages that we do not know. Sent again it has another ts.
    const proves = (m: Message) => (m.seq > 0 ? this.#seen.stands(m, m.seq) : this.#seen.has(m) && epoch === this.epoch);
    const known = messages.findIndex((m) => !m.recalled && proves(m));
    // Nor need a message before a known one be old, unless this is one count of one node. A node that publishes a batch
    // again which the store has lost keeps its ts.
    const moves = !local || epoch !== this.epoch;
    const isNew = (m: Message, i: number) => (known < 0 ? !this.#seen.predates(m) : !this.#seen.has(m) && (i > known || (moves && !this.#seen.predates(m))));
    const start = messages.findIndex((m, i) => !m.recalled && isNew(m, i));
    const first = firstSeq(messages, seq), end = start < 0 ? messages.length : start;
    // Where an old one stands before them, nothing is missing between what we had and these.
    const joins = messages.slice(0, end).some((m) => !m.recalled);
    if ((known < 0 || !joins) && !fetched && !local && first > 1) {
      const withOlder = (older: Message[]): Step[] => [{ ...step, messages: [...older, ...messages], fetched: true }];
      return this.#fetch(epoch, first - this.#gapLimit, first - 1, withOlder);
    }
    const news = messages.slice(end), before = firstSeq(news, seq) - 1;
    if (local) { // their numbers, if any, are the store's: messages before them are named in those that we know
      const oldest = messages[0]?.seq ?? 0;
      const lacks = !joins && (oldest > 1 || (oldest === 0 && this.epoch !== ""));
      const had = Math.max(this.#last, this.#floor); // Infinity where all of it was cleared
      const to = lacks && had < Infinity ? Math.max(oldest - 1, had + 1) : 0;
      this.#steps.unshift(name(to), { do: "place", epoch, seq }, ...asSteps(news.map(unnumbered), false));
    } else {
      const place: Step = { do: "place", epoch, seq: joins ? before : 0 };
      this.#steps.unshift(place, name(before), ...asSteps(news, false), upTo(seq));
    }
  }

  /** #fill fetches what is missing up to to, at most the newest gapLimit, and names the rest; then comes next. */
  #fill(to: number, reason: string, ...next: Step[]): void {
    if (to <= this.#last) return;
    const from = Math.max(this.#last + 1, this.#floor + 1, to - this.#gapLimit + 1);
    const nowhere = reason === "shed" || isLocal(this.epoch) || from > to; // nobody has these
    if (nowhere) return void this.#steps.unshift(name(to, reason), ...next);
    this.#fetch(this.epoch, from, to, (found) => {
      const inside = asSteps(found.filter((m) => m.seq <= to));
      return [...inside.flatMap((step) => [name(step.message.seq - 1, reason), step]), name(to, reason), ...next];
    });
  }

  /** #fetch asks history for from..to; then come the steps that then makes of what was found. */
  #fetch(epoch: string, from: number, to: number, then: (found: Message[]) => Step[]): void {
    if (this.#gapLimit === 0) return void this.#steps.unshift(...then([]));
    const fetching = new AbortController();
    this.#fetching = fetching;
    const done = (found: Message[]) => {
      if (this.#fetching !== fetching) return; // disconnected meanwhile
      this.#fetching = undefined;
      const steps = then(found), messages = steps.flatMap(messagesOf);
      for (const purged of this.#purges.splice(0)) for (const message of messages) this.#purge(message, purged);
      this.#steps.unshift(...steps);
      this.#run();
    };
    this.#host.fetchBetween(epoch, Math.max(from, 1), to, fetching.signal).then(done, () => done([]));
  }

  /**
   * #handOn is the one way out: past the number, where there is one, and by the key. Without an id equal messages of
   * one millisecond have one key (beside original FastIM nodes): where numbers go on, the number distinguishes them.
   */
  #handOn(message: Message, history: boolean, counted: boolean): void {
    if (message.seq > 0) [this.#last, this.#lastTs] = [message.seq, message.ts];
    if (message.recalled) return this.#host.recalled(recallOf(message.seq));
    if (this.wasRecalled(message)) return;
    const told = counted && message.id === "" && message.seq > 0 && !isLocal(this.epoch);
    if (!this.#seen.add(message, isLocal(this.epoch) ? 0 : message.seq) && !told) return;
    // but it is known now: in another epoch it may have another number
    if (this.#clearing || this.isCleared(this.epoch, message.seq)) return;
    this.#host.message(message, history);
  }

  #enter(epoch: string): void {
    this.#epochs = [...this.#epochs.filter((e) => e !== epoch), epoch].slice(-maxEpochs);
  }

  #moveTo(seq: number): void {
    if (seq !== this.#last) [this.#last, this.#lastTs] = [seq, 0];
  }
}

/** isPurged says that a message is one of those. */
export function isPurged({ userId, ts }: Message, purged: Purged): boolean {
  return userId !== "" && userId === purged.userId && purged.since <= ts && ts <= purged.until;
}

/** messagesOf are those that a step may bring. */
function messagesOf(step: Step): Message[] {
  if (step.do === "message") return [step.message];
  if (step.do === "prove") return [...step.goOn, ...step.rejoin].flatMap(messagesOf);
  return step.do === "rejoin" ? step.messages : [];
}

/** MessageStep is a Step with a message. */
type MessageStep = Step & { do: "message" };

/** asSteps makes steps of messages that did not come live. */
function asSteps(messages: Message[], counted = true): MessageStep[] {
  return messages.map((message) => ({ do: "message", message, history: true, counted }));
}

/** upTo is what a welcome did not bring, up to seq. */
function upTo(seq: number): Step {
  return { do: "missing", from: 1, to: seq, reason: "missed" };
}

/** name makes a gap of all up to to that did not come. */
function name(to: number, reason = "missed"): Step {
  return { do: "name", to, reason };
}

/** firstSeq is the first number of messages up to seq. */
function firstSeq(messages: Message[], seq: number): number {
  return messages.find((m) => m.seq > 0)?.seq ?? seq + 1;
}

/** unnumbered is a message whose number is of another epoch. */
function unnumbered(message: Message): Message {
  return { ...message, seq: 0 };
}

/** asRecall is what a recall of the message names of it. */
function asRecall({ userId, id, ts }: Message): Known {
  return { userId, id, ts };
}
