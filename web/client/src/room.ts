import { Backoff, isSentOut, type Stop, type Wait } from "./backoff.js";
import { flawOfSend, invalid, shown, whole } from "./check.js";
import { Connection, type Ended } from "./connection.js";
import { Emitter } from "./emitter.js";
import { realEnv, type Env } from "./env.js";
import { BarrageError, ConnectionError, HttpError, SendError } from "./errors.js";
import { Api } from "./http.js";
import { flawOf } from "./moderation.js";
import { readOptions, type Settings } from "./options.js";
import { Outbox, type Answer, type Ask } from "./outbox.js";
import { Refresh } from "./refresh.js";
import { isLocal, isPurged, recallOf, Stream } from "./stream.js";
import { protocolsFor } from "./token.js";
import { Tokens } from "./tokens.js";
import type { Can, Done, Held, Message, Moderation, Modes, Purged, RoomEvents, RoomOptions, Sent, SendOptions, State, StateReason, You, Welcome } from "./types.js";
import { moderationOf, readMessages, readModes, type Frame } from "./wire.js";

/** maxSendTimeoutMs keeps a send's last try within the two minutes in which its id is known. */
const maxSendTimeoutMs = 100_000;

/** steadyMs is how long a connection has to stand before the next wait is short again. */
const steadyMs = 10_000;

/** fetchTries and fetchRetryMs: history is asked a few times, a random while apart. */
const fetchTries = 2;
const fetchRetryMs = 1000;

/** patienceMs: newer messages wait for history, so a history that names a longer wait is given up. */
const patienceMs = 3000;

/**
 * Room is one user's place in one live room. It connects, comes back by itself and
 * resumes where it was. It hands on each message once and in order, and keeps what the
 * user sends until the server has taken it.
 */
export class Room {
  readonly #env: Env;
  readonly #settings: Settings;
  readonly #api: Api;
  readonly #events = new Emitter<RoomEvents>();
  readonly #backoff: Backoff;
  readonly #tokens: Tokens;
  readonly #refresh: Refresh;
  readonly #stream: Stream;
  readonly #outbox: Outbox;
  readonly #idPrefix: string;
  #ids = 0;
  #state: State = { name: "idle", reason: "new", closeCode: 0 };
  #userId: string;
  #you: You = { role: "", mutedUntil: 0, reason: "", can: [] };
  #modes: Modes = readModes(undefined);
  #online = 0;
  #likes = 0;

  // Of the connection of the moment.
  #attempt: AbortController | undefined; // aborted when the room is closed
  #connection: Connection | undefined;
  #cancelRetry = () => {};
  #firm = false; // the server named the wait
  #steadyAt = 0; // when the connection will have stood for steadyMs
  #cancelSteady = () => {};
  #leaveAt = 0; // when a leaving node wants us to go; 0 = it does not
  #cancelLeave = () => {};
  #offBack: (() => void) | undefined;

  /**
   * A Room does nothing before connect. The constructor throws a BarrageError with code
   * "invalid" where the options make no sense, "bad_token" where a token can be none.
   */
  constructor(options: RoomOptions);
  /** @internal Tests bring their own world. */
  constructor(options: RoomOptions, env: Env);
  constructor(options: RoomOptions, env: Env = realEnv) {
    const settings = readOptions(options);
    this.#env = env;
    this.#settings = settings;
    this.#userId = settings.userId;
    this.#api = new Api(env, settings.fetch, settings.base, settings.room, settings.userId);
    const backoff = () => new Backoff(settings.backoffBaseMs, settings.backoffCapMs, env.random);
    this.#backoff = backoff();
    this.#tokens = new Tokens(env, settings.token);
    this.#outbox = new Outbox(env, settings.userId, (seq) => this.#stream.recalled(recallOf(seq)));
    this.#idPrefix = Math.floor(env.random() * 2 ** 52).toString(36);
    this.#refresh = new Refresh(env, this.#tokens, backoff(), this.#idPrefix, (err) => this.#notRenewed(err));
    this.#stream = new Stream(
      {
        message: (message, history) => {
          // else it is not in the history yet
          if (!isLocal(this.#stream.epoch)) this.#outbox.seen(message, this.#stream.epoch);
          this.#events.emit("message", message, { history });
        },
        recalled: (recalled) => {
          this.#outbox.recalled(recalled.seq, this.#stream.epoch);
          this.#events.emit("recalled", recalled);
          this.#unpin((message) => this.#stream.wasRecalled(message));
        },
        purged: (purged) => {
          this.#events.emit("purged", purged);
          this.#unpin((message) => isPurged(message, purged));
        },
        cleared: (cleared) => this.#events.emit("cleared", cleared),
        gap: (gap) => this.#events.emit("gap", gap),
        epoch: (epoch, seq) => this.#events.emit("epoch", { epoch, seq }),
        fetchBetween: (epoch, from, to, signal) => this.#fetchBetween(epoch, from, to, signal),
      },
      settings.gapLimit,
    );
  }

  /** url is the address of the node, of http, with a slash at its end. */
  get url(): string {
    return this.#api.home;
  }

  /**
   * userId is who one is: before the first welcome that of the options, "" without one. Messages of one's own have it.
   */
  get userId(): string {
    return this.#userId;
  }

  /** can is what one may do here, as the server sent it last; nothing before the first welcome. */
  get can(): readonly Can[] {
    return this.#you.can;
  }

  /** you is what holds for this user here, as the server sent it last: role, mute, and what one may do. */
  get you(): You {
    return this.#you;
  }

  /**
   * modes are the room's rules, as the server sent them last; before the first welcome those that let everything
   * through.
   */
  get modes(): Modes {
    return this.#modes;
  }

  /** online is how many are in the room; 0 before the first welcome. */
  get online(): number {
    return this.#online;
  }

  /** likes is how many the room has had; 0 before the first welcome. */
  get likes(): number {
    return this.#likes;
  }

  /** seq is the number up to which everything was handed on, named in a gap, or known before. */
  get seq(): number {
    return this.#stream.last;
  }

  /** epoch is what seq counts in; "" before the first welcome. */
  get epoch(): string {
    return this.#stream.epoch;
  }

  /** state is where the room stands. */
  get state(): State {
    return this.#state;
  }

  /** on adds a listener; the function returned removes it. A listener that throws stops nothing else. */
  on<E extends keyof RoomEvents>(event: E, listener: (...args: RoomEvents[E]) => void): () => void {
    return this.#events.on(event, listener);
  }

  /**
   * connect starts. It ends a wait; it does nothing while connected or on the way. After
   * a close, by whomever, it starts again and resumes where it was.
   */
  connect(): void {
    if (this.#state.name === "connecting" || this.#state.name === "open") return;
    if (this.#state.name !== "waiting") this.#backoff.reset();
    this.#offBack ??= this.#env.watch(() => this.#back(), () => this.#away());
    this.#attempt ??= new AbortController();
    this.#begin("connect");
  }

  /** close leaves the room. An op that waits for an answer is rejected with code "closed". */
  close(): void {
    if (this.#state.name === "closed") return;
    this.#closeFor("close", 0, "closed", "the room was closed");
  }

  /**
   * send sends body to the room, and is done when the message is in the room's history.
   * Without a connection it waits for one; after a cut it goes again with its id, which
   * keeps it one message.
   *
   * It rejects with a SendError: a refusal has the server's code; "timeout"
   * (it may have been taken), "closed", "overflow" (100 wait already), "invalid".
   */
  async send(body: string, options: SendOptions = {}): Promise<Sent> {
    const why = flawOfSend(body, options), { kind, ext, id = this.#newId(), timeoutMs } = options ?? {};
    if (why) throw new SendError(shown(id), "invalid", `cannot send: ${why}`);
    return (await this.#ask(id, { t: "send", body, ...(kind === undefined ? {} : { kind }), ...(ext === undefined ? {} : { ext }) }, timeoutMs)) as Sent;
  }

  /**
   * like sends n likes, merged: at most one op per second. They are not acknowledged (see counters), and forgotten when
   * the room closes.
   */
  like(n = 1): void {
    if (!Number.isSafeInteger(n) || n < 1) throw invalid(`cannot like: n is ${shown(n)}, want a whole number from 1`);
    if (this.#state.name !== "closed") this.#outbox.like(n);
  }

  /**
   * recall takes message seq of an epoch back, for all. It rejects with a SendError as send does; with code
   * "other_epoch" where the room counts anew, so that the number may be another message's.
   */
  async recall(seq: number, epoch = this.#stream.epoch): Promise<void> {
    const id = this.#newId(), why = whole(seq, 1) ? typeof epoch === "string" ? "" : `epoch is ${shown(epoch)}, want a text` : `seq is ${shown(seq)}, want a whole number from 1`;
    if (why) throw new SendError(id, "invalid", `cannot recall: ${why}`);
    await this.#ask(id, { t: "recall", seq, epoch });
  }

  /**
   * moderate does what moderators do, and is done when the server has carried it out. Without a connection it waits for
   * one. It rejects with a SendError as send does. Where the connection is lost before the answer comes the code is
   * "unconfirmed": it may be done. Each verb but announce may then be repeated, since a second time changes nothing.
   */
  async moderate(op: Moderation): Promise<Done> {
    const id = this.#newId(), why = flawOf(op);
    if (why) throw new SendError(id, "invalid", `cannot moderate: ${why}`);
    const placed = (op.verb === "delete" || op.verb === "pin") && op.epoch === undefined ? { ...op, epoch: this.#stream.epoch } : op;
    return (await this.#ask(id, moderationOf(placed) as unknown as Ask)) as Done;
  }

  /**
   * messages returns history, oldest first: at most limit messages, the newest before the
   * seq given, or the newest of all. It rejects with an HttpError.
   */
  async messages(before?: number, limit = 50): Promise<Message[]> {
    if (before !== undefined && !whole(before, 0)) throw new HttpError(0, "invalid", `cannot get messages: before is ${shown(before)}, want a whole number from 0`);
    if (!whole(limit, 1)) throw new HttpError(0, "invalid", `cannot get messages: limit is ${shown(limit)}, want a whole number from 1`);
    const { token, signal } = await this.#caller();
    const purges: Purged[] = []; // messages taken away on the way here may be in the answer
    const off = this.on("purged", (purged) => purges.push(purged));
    const { epoch, messages } = await this.#api.history(token, before, limit, signal).finally(off);
    const gone = (m: Message) => this.#stream.wasRecalled(m) || purges.some((purged) => isPurged(m, purged));
    return messages.filter(({ seq }) => !this.#stream.isCleared(epoch, seq)).map((m) => (gone(m) ? readMessages([{ seq: m.seq, recalled: true }])[0]! : m));
  }

  /**
   * held returns what waits for a moderator, the oldest first; moderators alone may ask. It rejects with an HttpError.
   */
  async held(): Promise<Held[]> {
    const { token, signal } = await this.#caller();
    return this.#api.held(token, signal);
  }

  /** #caller is with what to ask over HTTP. */
  async #caller(): Promise<{ token: string; signal: AbortSignal }> {
    const signal = this.#attempt?.signal ?? new AbortController().signal;
    const next = this.#connection ? Promise.resolve(this.#tokens.token) : this.#tokens.next();
    const token = await next.catch((err: BarrageError) => {
      throw new HttpError(0, err.code, err.message);
    });
    return { token, signal };
  }

  #newId(): string {
    return `${this.#idPrefix}-${++this.#ids}`;
  }

  #ask(id: string, ask: Ask, timeoutMs = this.#settings.sendTimeoutMs): Promise<Answer> {
    if (this.#state.name === "closed") return Promise.reject(new SendError(id, "closed", `cannot ${ask.verb ?? ask.t}: the room is closed`));
    return this.#outbox.ask(id, ask, Math.min(timeoutMs, maxSendTimeoutMs));
  }

  /** #begin makes a connection. */
  #begin(reason: StateReason): void {
    this.#cancelRetry();
    this.#leaveAt = 0;
    const attempt = this.#attempt;
    this.#setState({ name: "connecting", reason, closeCode: 0 });
    this.#tokens.next().then(
      (token) => {
        if (attempt === this.#attempt && !this.#connection) this.#open(token);
      },
      (err: BarrageError) => {
        if (attempt === this.#attempt) this.#withoutToken(err);
      },
    );
  }

  /** #withoutToken asks again later, where that may help. */
  #withoutToken(err: BarrageError): void {
    if (err instanceof ConnectionError) return this.#follow({ stop: true, code: err.code, message: err.message }, 0);
    const attempt = this.#attempt;
    this.#events.emit("error", err);
    // else a listener closed the room
    if (attempt === this.#attempt) this.#follow(this.#backoff.afterFailure("unauthenticated"), 0);
  }

  #open(token: string): void {
    this.#tokens.use(token);
    try {
      const url = this.#api.socketUrl(this.#stream.place);
      const connection: Connection = new Connection(this.#env, this.#settings.WebSocket, url, protocolsFor(token), {
        frame: (frame) => this.#take(connection, frame),
        ended: (ended) => void this.#ended(ended),
      });
      this.#connection = connection;
    } catch (err) {
      // A browser refuses ws:// from a page of https://, for one.
      this.#follow({ stop: true, code: "invalid", message: `cannot open a WebSocket: ${shown(err)}` }, 0);
    }
  }

  /** #take takes a frame of the connection that stands. */
  #take(connection: Connection, frame: Frame | undefined): void {
    if (!frame) {
      this.#events.emit("error", new BarrageError("protocol", "the server sent what is no JSON object"));
      return;
    }
    this.#refresh.check(); // it may be long after: the machine was asleep
    switch (frame.t) {
      case "welcome":
        return this.#welcome(connection, frame);
      case "batch":
        return this.#stream.batch(frame.epoch, frame.messages);
      case "gap":
        return this.#stream.gap(frame.from, frame.to, frame.reason);
      case "recalled":
        return this.#stream.recalled(frame.recalled);
      case "epoch":
        return this.#stream.placed(frame.epoch, frame.seq, frame.ts);
      case "ack":
        return this.#outbox.acked({ id: frame.id, epoch: frame.epoch, seq: frame.seq, ts: frame.ts });
      case "auth":
        return this.#renewed(frame);
      case "refused":
        if (this.#refresh.refused(frame.id, frame.code, frame.message, frame.retryAfterMs)) return;
        if (!this.#outbox.refused(frame.id, frame.code, frame.message, frame.retryAfterMs)) {
          this.#events.emit("error", new BarrageError(frame.code, frame.message, frame.retryAfterMs));
        }
        return;
      case "counters":
        this.#online = frame.counters.online;
        this.#likes = frame.counters.likes;
        return this.#events.emit("counters", frame.counters);
      case "system":
        return this.#events.emit("system", frame.notice);
      case "room":
        this.#setModes(frame.modes);
        this.#events.emit("room", this.#modes);
        // else a listener closed the room
        if (this.#connection === connection) this.#stream.clearedTo(frame.modes.cleared);
        return;
      case "you":
        this.#you = { ...frame.you, can: frame.can ?? this.can };
        this.#outbox.may(this.can);
        return this.#events.emit("you", this.#you);
      case "purged":
        return this.#stream.purged(frame.purged);
      case "cleared":
        return this.#stream.cleared(frame.cleared);
      case "storm":
        return this.#events.emit("storm", frame.storm);
      case "held":
        return this.#events.emit("held", frame.held);
      case "done":
        return this.#outbox.done(frame.id, { verb: frame.verb, n: frame.n, seq: frame.seq, before: frame.before });
      case "reconnect":
        return this.#leaveWithin(frame.afterMs);
    }
  }

  /**
   * #elsewhere says where the server has let us in, if we asked for another room or user; "" if not, or if it names
   * none.
   */
  #elsewhere({ room, userId }: Welcome): string {
    const { room: wanted, userId: user } = this.#settings;
    const why = "something on the way rewrites addresses: a proxy is to leave paths as they came";
    if (room !== "" && room !== wanted) return `asked for room "${wanted}", and the server let us into "${room}"; ${why}`;
    if (user !== "" && userId !== "" && userId !== user) return `came as user "${user}", and the server takes us for "${userId}"; ${why}`;
    return "";
  }

  #welcome(connection: Connection, frame: Frame & { t: "welcome" }): void {
    const elsewhere = this.#elsewhere(frame.welcome);
    if (elsewhere) return this.#follow({ stop: true, code: "other_room", message: elsewhere }, 0);
    this.#setModes(frame.welcome.modes);
    const welcome = { ...frame.welcome, modes: this.#modes };
    this.#userId = welcome.userId || this.#userId;
    this.#you = welcome.you;
    this.#tokens.accepted(welcome.authExpiresMs);
    this.#outbox.welcomed(welcome.userId, welcome.can);
    this.#online = welcome.online;
    this.#likes = welcome.likes;
    connection.welcomed(frame.heartbeatMs);
    this.#steadyAt = this.#env.now() + steadyMs;
    this.#cancelSteady = this.#env.after(steadyMs, () => this.#backoff.reset());
    this.#setState({ name: "open", reason: "welcome", closeCode: 0 });
    if (this.#connection === connection) this.#events.emit("welcome", welcome);
    if (this.#connection !== connection) return; // a listener closed the room
    this.#stream.welcome({ epoch: welcome.epoch, seq: welcome.seq, recovered: welcome.recovered, messages: frame.messages, recalled: frame.recalled, cleared: welcome.modes.cleared });
    // Last: sends that the welcome showed to have been taken need not go again.
    if (this.#connection !== connection) return;
    this.#outbox.connected(connection, welcome.limits);
    this.#refresh.connected(connection);
  }

  /** #setModes takes the room's rules. They may be from before a message was taken back that stands in them. */
  #setModes(modes: Modes): void {
    this.#modes = modes.pinned && this.#stream.wasRecalled(modes.pinned) ? { ...modes, pinned: undefined } : modes;
  }

  /** #unpin takes the pinned message off where it is gone: the server sends such rules too, but perhaps later. */
  #unpin(gone: (message: Message) => boolean): void {
    if (!this.#modes.pinned || !gone(this.#modes.pinned)) return;
    this.#modes = { ...this.#modes, pinned: undefined };
    this.#events.emit("room", this.#modes);
  }

  /** #renewed takes what the new token grants. */
  #renewed({ id, expiresMs, can }: Frame & { t: "auth" }): void {
    if (!this.#refresh.accepted(id, expiresMs)) return;
    this.#you = { ...this.#you, can: can ?? this.can };
    this.#outbox.may(this.can);
    this.#events.emit("auth", { can: this.can, expiresMs });
  }

  /** #notRenewed: the connection goes on with the token it has, unless that is no use. */
  #notRenewed(err: BarrageError): void {
    if (err instanceof ConnectionError || err.code === "token_replaced") return this.#follow({ stop: true, code: err.code, message: err.message }, 0);
    this.#events.emit("error", err);
  }

  /**
   * #leaveWithin goes to another node, after a random while, so that not all go at once. A connection that has not
   * stood for long counts as one that failed. Nodes that send us away as we come must not make a loop.
   */
  #leaveWithin(afterMs: number): void {
    const least = this.#env.now() < this.#steadyAt ? this.#backoff.afterFailure("leaving").ms : 0;
    const ms = Math.max(this.#env.random() * afterMs, least);
    this.#leaveAt = this.#env.now() + ms;
    this.#cancelLeave();
    this.#cancelLeave = this.#env.after(ms, () => {
      this.#drop();
      this.#begin("leaving");
    });
  }

  /** #ended decides what to do after a connection has ended by itself. */
  async #ended({ opened, code, reason, silent }: Ended): Promise<void> {
    const attempt = this.#attempt;
    const leaveAt = this.#leaveAt;
    this.#drop();
    if (silent) return this.#follow(this.#backoff.afterFailure("silent"), 0);
    if (!opened) {
      // A page cannot see with which status a handshake was refused: ask over HTTP,
      // where it can, with what a socket would be refused now.
      const refusal = attempt && (await this.#api.refusal(this.#tokens.token, attempt.signal));
      if (attempt !== this.#attempt) return;
      if (refusal?.status === 0 && refusal.code === "invalid") return this.#follow({ stop: true, code: "invalid", message: refusal.message }, code);
      if (refusal && refusal.status > 0) {
        return this.#follow(this.#backoff.afterRefusal(refusal), code);
      }
    }
    const verdict = this.#backoff.afterClose(code, reason, this.#tokens.over);
    // A close has no room for the time: the refusal of the next socket would name it.
    if (verdict.stop && isSentOut(verdict.code)) {
      const refusal = attempt && (await this.#api.refusal(this.#tokens.token, attempt.signal));
      if (attempt !== this.#attempt) return;
      return this.#follow(refusal?.code === verdict.code ? this.#backoff.afterRefusal(refusal) : verdict, code);
    }
    const named = leaveAt - this.#env.now();
    if (!verdict.stop && leaveAt > 0) return this.#follow({ ...verdict, reason: "leaving", ms: Math.max(named, 0), firm: true }, code);
    this.#follow(verdict, code);
  }

  /** #follow does what the back-off says, unless another token may get us in. */
  #follow(verdict: Stop | Wait, closeCode: number): void {
    if (verdict.stop && this.#tokens.refuse(verdict)) verdict = this.#backoff.afterFailure(verdict.code);
    if (verdict.stop) {
      const { code, message, until, retryAfterMs, because } = verdict;
      this.#closeFor(code, closeCode, code, message, verdict);
      this.#events.emit("error", new ConnectionError(code, message, closeCode, until, retryAfterMs, because));
      return;
    }
    this.#firm = verdict.firm;
    this.#cancelRetry = this.#env.after(verdict.ms, () => this.#begin("retry"));
    this.#setState({ name: "waiting", reason: verdict.reason, closeCode, retryInMs: verdict.ms, retryAt: this.#env.date() + verdict.ms });
  }

  /** #back: the page is visible again, or the network is back. */
  #back(): void {
    if (this.#state.name === "open") this.#connection?.check();
    this.#refresh.check();
    if (this.#state.name === "waiting" && !this.#firm) this.#begin("connect");
  }

  /**
   * #away: the network is gone, and so is the connection, which would find out a heartbeat later. A server on this
   * machine lets us in again.
   */
  #away(): void {
    if (this.#state.name !== "open") return;
    this.#drop();
    this.#follow(this.#backoff.afterFailure("offline"), 0);
  }

  /** #drop lets go of the connection; the stream and the outbox keep what the next one needs. */
  #drop(): void {
    this.#connection?.close();
    this.#connection = undefined;
    this.#cancelSteady();
    this.#cancelLeave();
    this.#stream.disconnected();
    this.#outbox.disconnected();
    this.#refresh.disconnected();
  }

  #closeFor(reason: StateReason, closeCode: number, code: string, message: string, end: Partial<Stop> = {}): void {
    const { until, because } = end;
    this.#drop();
    this.#cancelRetry();
    this.#attempt?.abort();
    this.#attempt = undefined;
    this.#offBack?.();
    this.#offBack = undefined;
    this.#tokens.forget();
    this.#setState({ name: "closed", reason, closeCode, ...(until === undefined ? {} : { until }), ...(because === undefined ? {} : { because }) });
    this.#outbox.fail(code, message);
  }

  #setState(state: State): void {
    this.#state = state;
    this.#events.emit("state", state);
  }

  /** #fetchBetween asks history, a few times where that may help. */
  async #fetchBetween(epoch: string, from: number, to: number, signal: AbortSignal): Promise<Message[]> {
    for (let tried = 1; ; tried++) {
      try {
        return await this.#api.between(this.#tokens.token, epoch, from, to, signal);
      } catch (err) {
        const { status, retryAfterMs = 0 } = err as HttpError; // between throws no other
        const mayHelp = status === 0 || status === 429 || status >= 500;
        if (!mayHelp || retryAfterMs > patienceMs || tried === fetchTries || signal.aborted) throw err;
        await this.#sleep(retryAfterMs + this.#env.random() * fetchRetryMs, signal);
      }
    }
  }

  /** #sleep returns after ms, or at the signal. */
  #sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#env.after(ms, resolve);
      signal.addEventListener("abort", () => (cancel(), resolve()), { once: true });
    });
  }
}
