// A world for a Room. It has a clock that tests move, chance from a seed, and a page that hides and comes back. Its
// server is in memory, and the wires of the server delay and break. Nothing here waits for real time.

import type { Env } from "../src/env.js";
import { Room } from "../src/room.js";
import type { RoomEvents, RoomOptions, WebSocketLike } from "../src/types.js";

/** Json is a frame or an answer. */
export type Json = Record<string, unknown>;

/** World is time, chance, the page and the server. */
export class World implements Env {
  readonly server: FakeServer;
  hiddenPage = false;
  readonly backs = new Set<() => void>();
  readonly aways = new Set<() => void>();
  /** clockMs is how far the device's clock was set ahead of now. */
  clockMs = 0;
  #now = 1_700_000_000_000;
  #timers: Array<{ at: number; order: number; f: () => void }> = [];
  #order = 0;
  #seed: number;
  /** fixedRandom, where set, is what random returns. */
  fixedRandom: number | undefined;

  constructor(seed = 1) {
    this.#seed = seed;
    this.server = new FakeServer(this);
  }

  now = () => this.#now;
  date = () => this.#now + this.clockMs;
  after = (ms: number, f: () => void) => {
    const timer = { at: this.#now + Math.min(Math.max(ms, 0), 2 ** 31 - 1), order: this.#order++, f };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((t) => t !== timer);
    };
  };
  random = () => this.fixedRandom ?? this.chance();
  hidden = () => this.hiddenPage;
  watch = (back: () => void, away: () => void) => {
    this.backs.add(back);
    this.aways.add(away);
    return () => (this.backs.delete(back), this.aways.delete(away));
  };

  /** chance is in [0, 1), by the seed (mulberry32). */
  chance(): number {
    this.#seed = (this.#seed + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#seed ^ (this.#seed >>> 15), 1 | this.#seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** upTo is a whole number of 0..n-1. */
  upTo(n: number): number {
    return Math.floor(this.chance() * n);
  }

  /** back is the page becoming visible, or the network returning. */
  async back(): Promise<void> {
    this.hiddenPage = false;
    for (const f of [...this.backs]) f();
    await settled();
  }

  get timers(): number {
    return this.#timers.length;
  }

  /** pass lets ms pass: each timer at its time, and what follows from it before the next. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settled();
    for (;;) {
      const next = this.#timers.filter((t) => t.at <= end).sort((a, b) => a.at - b.at || a.order - b.order)[0];
      if (!next) break;
      this.#timers = this.#timers.filter((t) => t !== next);
      this.#now = next.at;
      next.f();
      await settled();
    }
    this.#now = end;
  }

  /** sleep lets ms pass in which timers stand still. */
  sleep(ms: number): void {
    this.#now += ms;
    for (const timer of this.#timers) timer.at += ms;
  }

  /** room makes a Room in this world, and a record of its events. */
  room(options: Partial<RoomOptions> = {}): { room: Room; seen: Seen } {
    const room = new Room({ room: "42", userId: "u", ...("getToken" in options ? {} : { token: "t" }), url: "ws://fake:9000", WebSocket: this.server.WebSocket, fetch: this.server.fetch, ...options }, this);
    return { room, seen: new Seen(room) };
  }

  /** joined makes a Room that is connected. */
  async joined(options: Partial<RoomOptions> = {}): Promise<{ room: Room; seen: Seen; line: FakeSocket }> {
    const { room, seen } = this.room(options);
    room.connect();
    await this.pass(10);
    return { room, seen, line: this.server.line };
  }
}

/** Giver is a getToken that counts, and gives t1, t2, … where next says nothing else. */
export class Giver {
  asked = 0;
  next: (n: number) => string | Promise<string> = (n) => `t${n}`;
  readonly give = () => this.next(++this.asked);
}

/** settled returns when all that is ready to happen has happened. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Seen is all events of a Room, in short. */
export class Seen {
  /**
   * log has messages as "3", history as "h3", those without a number by body, gaps as "gap 1-2 slow", and the rest by
   * name.
   */
  readonly log: string[] = [];
  readonly states: string[] = [];
  readonly all: Array<{ [E in keyof RoomEvents]: { event: E; args: RoomEvents[E] } }[keyof RoomEvents]> = [];

  constructor(room: Room) {
    const record = <E extends keyof RoomEvents>(event: E, short?: (...args: RoomEvents[E]) => string) =>
      room.on(event, (...args) => {
        this.all.push({ event, args } as never);
        if (short) this.log.push(short(...args));
      });
    record("welcome");
    record("message", (m, info) => `${info.history ? "h" : ""}${m.seq || m.body}`);
    record("gap", (g) => `gap ${g.from}-${g.to} ${g.reason}`);
    record("recalled", (r) => `recalled ${r.seq}`);
    record("epoch", (e) => `epoch ${e.epoch} ${e.seq}`);
    record("auth", (a) => `auth ${a.expiresMs}`);
    record("counters", (c) => `counters ${c.online} ${c.likes}`);
    record("system", (s) => `system ${s.code}`);
    record("room", (m) => `room ${m.v}${m.pinned ? ` pin ${m.pinned.seq}` : ""}`);
    record("you", (y) => `you ${y.mutedUntil}`);
    record("purged", (p) => `purged ${p.userId} ${p.since}`);
    record("cleared", (c) => `cleared ${c.epoch} ${c.seq}`);
    record("held", (h) => `held ${h.held} ${h.state}`);
    record("storm", (s) => `storm ${s.shown}/${s.offered}`);
    record("error", (e) => `error ${e.code}`);
    room.on("state", (s) => this.states.push(`${s.name} ${s.reason}`));
  }

  /** take returns the log and forgets it. */
  take(): string {
    return this.log.splice(0).join(", ");
  }
}

/** FakeSocket is a WebSocket with a wire of ms in each direction. */
export class FakeSocket implements WebSocketLike {
  protocol = "barrage.v1";
  onopen: WebSocketLike["onopen"] = null;
  onmessage: WebSocketLike["onmessage"] = null;
  onclose: WebSocketLike["onclose"] = null;
  onerror: WebSocketLike["onerror"] = null;
  readonly url: URL;
  /** got is what the client has sent. */
  readonly got: Json[] = [];
  readonly server: FakeServer;
  open = false;
  #broken = false;

  /** token is the one that the handshake shows; "" for none. */
  get token(): string {
    const bearer = this.protocols.find((p) => p.startsWith("bearer."));
    return bearer ? Buffer.from(bearer.slice("bearer.".length), "base64url").toString() : "";
  }

  constructor(server: FakeServer, url: string, readonly protocols: string[]) {
    this.server = server;
    this.url = new URL(url);
    server.lines.push(this);
    this.#travel(() => server.handshake(this));
  }

  #travel(f: () => void): void {
    this.server.world.after(this.server.wireMs, () => {
      if (!this.#broken) f();
    });
  }

  /** accept lets the handshake succeed. */
  accept(): void {
    this.open = true;
    this.onopen?.({});
  }

  /** say sends frames to the client. */
  say(...frames: Array<Json | string>): void {
    for (const frame of frames) this.#travel(() => this.onmessage?.({ data: typeof frame === "string" ? frame : JSON.stringify(frame) }));
  }

  /** end closes with code and reason at once; frames on the wire are lost. 1006 is a cut. */
  end(code: number, reason = ""): void {
    if (this.#broken) return;
    this.#broken = true;
    this.open = false;
    this.server.left(this);
    this.onclose?.({ code, reason });
  }

  /** die breaks the wire without a word to either end. */
  die(): void {
    this.#broken = true;
    this.server.left(this);
  }

  send(data: string): void {
    const frame = JSON.parse(data) as Json;
    this.#travel(() => {
      this.got.push(frame);
      this.server.take(this, frame);
    });
  }

  close(): void {
    if (!this.#broken) this.end(1000);
  }
}

/** idMs is for how long a sender's id is known. */
const idMs = 120_000;

export interface Stored {
  seq: number;
  kind: string;
  user_id: string;
  body: string;
  ts: number;
  id: string;
  recalled?: boolean;
}

/** Away is the store while a node cannot reach it. */
interface Away {
  /** epoch and seq are the store's when the node lost it. */
  readonly epoch: string;
  readonly seq: number;
  /** said is what the node's members sent meanwhile. */
  readonly said: Stored[];
}

/** FakeServer is one room of a server that speaks barrage.v1, on a good or a bad day. */
export class FakeServer {
  readonly world: World;
  readonly WebSocket: new (url: string, protocols: string[]) => FakeSocket;
  /** lines are all sockets ever made, members those that were welcomed and are there. */
  readonly lines: FakeSocket[] = [];
  readonly members = new Set<FakeSocket>();
  epoch = "e1";
  seq = 0;
  online = 1;
  likes = 0;
  heartbeatMs = 25_000;
  onJoin = 50;
  /** user is who the welcome says one is, and whose the sends are; auth is what it says of the token. */
  user = "u";
  auth: Json = {};
  /** rules are what the welcome says of modes and of you: nothing, as servers that know neither. */
  rules: Json = {};
  limits: Json = { max_body_bytes: 1000, max_frame_bytes: 1500, recall_ms: 60_000, rate_per_second: 5, burst: 10 };
  wireMs = 1;
  /** history is what HTTP and welcomes know; posted, by epoch, all that ever was. */
  history: Stored[] = [];
  readonly posted = new Map<string, Stored[]>([["e1", []]]);
  /** requests are the HTTP requests, without the server's address; authorizations, in the same order, their headers. */
  readonly requests: string[] = [];
  readonly authorizations: Array<string | null> = [];
  /** refusals answer the next handshakes and what is asked about them; "cut" answers nothing. */
  refusals: Array<{ status: number; body?: Json; headers?: Record<string, string> } | "cut"> = [];
  /** judge, where set, says with which code of 401 a token is refused; undefined lets it in. */
  judge: ((token: string) => string | undefined) | undefined;
  /** authRefusals answer the next tokens that are offered on a connection, without "t" and "id". */
  authRefusals: Json[] = [];
  /** onHttp, where set, answers instead; undefined = as usual. */
  onHttp: ((path: string) => Response | Promise<Response> | undefined) | undefined;
  /** mute: frames of clients are not answered. */
  mute = false;
  /** verdict, where set, answers sends and what a moderator does with this refusal, without "t" and "id". */
  verdict: Json | undefined;
  /** busy: sends that were not taken before are refused, to be tried again after a second. */
  busy = false;
  /** behind is by how many messages the node that welcomes next is behind. */
  behind = 0;
  /** recalls are those of late, lost what the store has lost. */
  readonly recalls: Stored[] = [];
  readonly lost = new Set<Stored>();
  readonly cleared = new Set<Stored>();
  /** hidden are those that a client shows or not: nobody knows any more which of them were taken. */
  readonly hidden = new Set<Stored>();
  /** clears are all that ever were. */
  readonly clears: Array<{ epoch: string; seq: number }> = [];
  /** purges are all that ever were: all that one means, and of these what history had. */
  readonly purges: Array<{ since: number; all: Set<Stored>; theirs: Stored[]; word: Json }> = [];
  away: Away | undefined;
  /** forgot: the node does not know any more what was taken away while the next client was away. */
  forgot = false;
  readonly #acked = new Map<string, { readonly stored: Stored; readonly at: number }>();
  #ids = 0;

  constructor(world: World) {
    this.world = world;
    const server = this;
    this.WebSocket = class extends FakeSocket {
      constructor(url: string, protocols: string[]) {
        super(server, url, protocols);
      }
    };
  }

  /** line is the newest socket. */
  get line(): FakeSocket {
    return this.lines.at(-1)!;
  }

  handshake(line: FakeSocket): void {
    if (this.refusals.length > 0 || this.judge?.(line.token)) return line.end(1006);
    line.accept();
    const q = line.url.searchParams, seq = Math.max(0, this.seq - this.behind), own = this.epoch, { away } = this;
    const here = away ? this.history.filter((m) => m.seq <= away.seq) : this.history.filter((m) => m.seq <= seq);
    const since = q.has("since") && q.get("epoch") === own && !away ? Number(q.get("since")) : Infinity;
    const ts = q.get("ts"), same = ts === null ? since === 0 : this.history.every((m) => m.seq !== since || m.recalled || String(m.ts) === ts);
    const missed = here.filter((m) => m.seq > since);
    const recovered = same && since <= seq && missed.length === seq - since && !this.forgot;
    const newest = [...here.map(shown), ...(away ? away.said.map((m) => ({ ...m, seq: 0 })) : [])].slice(-this.onJoin || Infinity);
    this.members.add(line);
    line.say({
      t: "welcome", room: "42", user_id: this.user, ...this.auth, ...this.rules, node: "n1", epoch: own, seq, online: this.online, likes: this.likes, total: seq,
      recovered, messages: recovered ? missed.map(shown) : newest, heartbeat_ms: this.heartbeatMs, limits: this.limits,
      recalled: this.recalls.slice(-64).map((m) => this.recallOf(m)),
    });
    if (q.has("epoch")) for (const { word } of this.purges) line.say(word);
    if (q.has("epoch") && q.get("epoch") !== own) for (const clear of this.clears) this.#clearedFor(q.get("epoch")!, Number(q.get("since")), clear, line);
    if (q.has("epoch") && this.forgot) {
      line.say({ t: "cleared", epoch: q.get("epoch"), seq: Math.min(Number(q.get("since")), q.get("epoch") === own ? seq : Infinity) });
      this.hideAll(); // messages of a welcome into a local epoch have no numbers there
    }
    if (seq < this.seq) line.say(this.batch(seq + 1, this.seq));
    this.behind = 0;
    this.forgot = false;
  }

  left(line: FakeSocket): void {
    this.members.delete(line);
  }

  take(line: FakeSocket, frame: Json): void {
    if (this.mute) return;
    switch (frame["t"]) {
      case "ping":
        return line.say({ t: "pong", ts: frame["ts"] });
      case "auth": {
        const refusal = this.authRefusals.shift();
        if (refusal) return line.say({ t: "refused", id: frame["id"], message: "no", ...refusal });
        return line.say({ t: "auth", id: frame["id"], expires_ms: this.auth["auth_expires_ms"] ?? 0, can: this.auth["can"] });
      }
      case "like":
        this.likes += frame["n"] as number;
        return;
      case "recall": {
        if (frame["epoch"] && frame["epoch"] !== this.epoch) return line.say({ t: "refused", id: frame["id"], code: "other_epoch", message: "the room counts anew" });
        const mine = this.history.find((m) => m.seq === frame["seq"]);
        if (!mine || mine.recalled) return line.say({ t: "refused", id: frame["id"], code: "not_found", message: "no such message" });
        return this.recall(mine.seq);
      }
      case "mod":
        return line.say(this.verdict ? { t: "refused", id: frame["id"], message: "no", ...this.verdict } : { t: "done", id: frame["id"], verb: frame["verb"], n: 0 });
      case "send": {
        const id = frame["id"] as string;
        const known = this.#known(id);
        if (this.verdict && !known) return line.say({ t: "refused", id, message: "no", ...this.verdict });
        if (this.busy && !known) return line.say({ t: "refused", id, code: "busy", message: "too many wait", retry_after_ms: 1000 });
        if (this.away) { // it is acknowledged when the store is back
          if (!known && !this.away.said.some((m) => m.id === id)) this.post(frame["body"] as string, { user: this.user, id });
          return;
        }
        const stored = known ?? this.post(frame["body"] as string, { user: this.user, id });
        if (!known) this.#acked.set(id, { stored, at: this.world.now() });
        return line.say({ t: "ack", id, epoch: this.epoch, seq: stored.seq, ts: stored.ts });
      }
    }
  }

  /** #known is the message that was sent under an id in the last two minutes. */
  #known(id: string): Stored | undefined {
    const sent = this.#acked.get(id);
    return sent && this.world.now() <= sent.at + idMs ? sent.stored : undefined;
  }

  /** store keeps a message and notifies nobody. */
  store(body: string, { user = "v", id }: { user?: string; id?: string } = {}): Stored {
    // their later messages have a greater ts
    const purged = this.purges.filter(({ word }) => word["user_id"] === user).map(({ word }) => Number(word["until"]));
    const stored: Stored = { seq: ++this.seq, kind: "chat", user_id: user, body, ts: Math.max(Math.floor(this.world.now()), 1 + Math.max(...purged, 0)), id: id ?? `~${++this.#ids}` };
    (this.away?.said ?? this.history).push(stored);
    this.posted.get(this.epoch)!.push(stored);
    return stored;
  }

  /** post keeps a message and sends it to all members. */
  post(body: string, from?: { user?: string; id?: string }): Stored {
    const stored = this.store(body, from);
    for (const line of this.members) line.say(this.batch(stored.seq, stored.seq));
    return stored;
  }

  /** batch is the frame of from..to. */
  batch(from: number, to: number): Json {
    const messages = this.posted.get(this.epoch)!.filter((m) => m.seq >= from && m.seq <= to);
    return { t: "batch", epoch: this.epoch, seq: from, messages: messages.map(shown) };
  }

  recall(seq: number): void {
    for (const m of this.history) {
      if (m.seq !== seq || m.recalled) continue;
      m.recalled = true;
      this.recalls.push(m);
      for (const line of this.members) line.say({ t: "recalled", ...this.recallOf(m) });
    }
  }

  /** purge takes a user's messages from since on away; those away are notified of it behind the next welcome. */
  purge(user: string, since = 0): void {
    const all = this.everything.filter((m) => m.user_id === user && m.ts >= since), theirs = this.history.filter((m) => all.includes(m) && !m.recalled);
    const word = { t: "purged", user_id: user, since, until: Math.max(since, ...all.map((m) => m.ts)) };
    this.purges.push({ since, all: new Set(all), theirs, word });
    for (const m of theirs) m.recalled = true;
    for (const line of this.members) line.say(word);
  }

  /** clear takes all away: history begins behind it, and numbers go on. */
  clear(): void {
    this.history = [];
    this.#clearedTo(this.seq);
    this.clears.push({ epoch: this.epoch, seq: this.seq });
    for (const m of this.everything) this.cleared.add(m);
    for (const line of this.members) line.say({ t: "cleared", epoch: this.epoch, seq: this.seq }, { t: "room", modes: this.rules["modes"] });
  }

  /** everything is all that was ever sent. */
  get everything(): Stored[] {
    return [...new Set([...[...this.posted.values()].flat(), ...this.lost])];
  }

  /** hideAll: a client may show nothing of what there is, and of what was taken of it. */
  hideAll(): void {
    for (const m of this.everything) this.hidden.add(m);
  }

  /**
   * #clearedFor notifies a client from another epoch of a clear that it may have missed there, here, or between.
   */
  #clearedFor(epoch: string, since: number, clear: { epoch: string; seq: number }, line: FakeSocket): void {
    const all = [...this.posted.keys()], local = epoch.startsWith("l-"); // of local ones nobody knows what came before
    if (!local && (all.indexOf(clear.epoch) < all.indexOf(epoch) || (clear.epoch === epoch && since > clear.seq))) return;
    const knows = local || [epoch, this.epoch].includes(clear.epoch);
    if (local) this.hideAll(); // of an epoch that the client does not know nobody knows what came later
    line.say({ t: "cleared", ...(knows ? clear : { epoch, seq: since }) });
  }

  /** taken says that a message was taken away: recalled, cleared or purged. */
  taken(m: Stored): boolean {
    return m.recalled === true || this.cleared.has(m) || this.purges.some(({ all }) => all.has(m));
  }

  #clearedTo(seq: number): void {
    this.rules = { ...this.rules, modes: { ...(this.rules["modes"] as Json | undefined), cleared: seq } };
  }

  /** recallOf says what was taken back: the number is that of the present epoch, 0 where it has none. */
  recallOf(m: Stored): Json {
    const { seq } = this.history.find((h) => h === m) ?? { seq: 0 };
    return { seq: this.away ? 0 : seq, by: "u", user_id: m.user_id, id: m.id, ts: m.ts };
  }

  /**
   * showHoles lets members see that something is missing, where it is: a place jumps over nothing without a notice
   * to them.
   */
  showHoles(): void {
    if (this.seq > 0) for (const line of this.members) line.say(this.batch(this.seq, this.seq));
  }

  /** restartCounting starts a new epoch, of a store that has lost all. */
  restartCounting(epoch: string): void {
    this.goBack(this.seq, epoch);
    this.history = [];
    this.seq = 0;
  }

  /** goBack is the store losing its newest n messages; epoch is the one in which it goes on. */
  goBack(n: number, epoch: string): void {
    this.showHoles();
    this.seq -= n;
    for (const m of this.posted.get(this.epoch)!.slice(this.seq)) {
      this.lost.add(m);
      if (this.#acked.get(m.id)?.stored === m) this.#acked.delete(m.id);
    }
    this.history = this.history.filter((m) => m.seq <= this.seq);
    const { cleared = 0 } = (this.rules["modes"] ?? {}) as { cleared?: number };
    if (cleared > this.seq) this.#clearedTo(this.seq);
    this.posted.set(epoch, this.posted.get(this.epoch)!.slice(0, this.seq));
    this.epoch = epoch;
  }

  /** tellPlace notifies all members where numbers go on. */
  tellPlace(seq = this.seq): void {
    for (const line of this.members) line.say({ t: "epoch", epoch: this.epoch, seq, ts: this.history.find((m) => m.seq === seq)?.ts ?? 0 });
  }

  /** goLocal is the node losing the store: its members go on in an epoch of their own. */
  goLocal(epoch: string): void {
    this.showHoles();
    this.away = { epoch: this.epoch, seq: this.seq, said: [] };
    this.epoch = epoch;
    this.seq = 0;
    this.posted.set(epoch, []);
    this.tellPlace();
  }

  /** comeBack is the store returning, in which n messages of another node stand before those that were sent here. */
  comeBack(n: number): void {
    this.showHoles();
    const { epoch, seq, said } = this.away!;
    this.away = undefined;
    this.epoch = epoch;
    this.seq = seq;
    for (let i = 0; i < n; i++) this.store("of another node");
    const theirs = this.batch(seq + 1, this.seq);
    for (const m of said) {
      const stored = Object.assign(this.store(m.body, { user: m.user_id, id: m.id }), { ts: m.ts });
      if (m.user_id !== "u") continue;
      this.#acked.set(m.id, { stored, at: this.world.now() });
      for (const line of this.members) line.say({ t: "ack", id: m.id, seq: 0, ts: m.ts });
    }
    this.tellPlace(seq);
    if (n > 0) for (const line of this.members) line.say(theirs);
    this.tellPlace();
  }

  fetch = async (input: unknown, init?: RequestInit): Promise<Response> => {
    const url = new URL(String(input));
    if (url.pathname.endsWith("/messages")) url.searchParams.delete("user_id");
    const path = url.pathname + url.search;
    // throws at what is not Latin-1, as fetch does
    const authorization = new Headers(init?.headers ?? {}).get("Authorization");
    this.authorizations.push(authorization);
    this.requests.push(path);
    const signal = init?.signal;
    const aborted = new Promise<never>((_, reject) => signal?.addEventListener("abort", () => reject(new Error("aborted"))));
    return Promise.race([aborted, this.#answer(path, url, authorization?.slice("Bearer ".length) ?? url.searchParams.get("token") ?? "")]);
  };

  async #answer(path: string, url: URL, token: string): Promise<Response> {
    await new Promise<void>((resolve) => this.world.after(this.wireMs * 2, resolve));
    const own = await this.onHttp?.(path);
    if (own) return own;
    if (!url.pathname.endsWith("/messages")) {
      const refusal = this.refusals.shift();
      if (refusal === "cut") throw new TypeError("fetch failed");
      if (refusal) return answer(refusal.status, refusal.body ?? {}, refusal.headers);
      const code = this.judge?.(token);
      if (code) return answer(401, { error: { code, message: `refused: ${code}` } });
      return answer(200, { online: this.online });
    }
    if (this.away) return answer(503, { error: { code: "unavailable", message: "the store is away" } });
    const before = Number(url.searchParams.get("before") ?? Infinity);
    const limit = Number(url.searchParams.get("limit") ?? 50);
    return answer(200, { epoch: this.epoch, messages: this.history.filter((m) => m.seq < before).slice(-limit).map(shown) });
  }
}

/** shown is a message as history shows it. */
function shown(m: Stored): Json {
  return m.recalled ? { seq: m.seq, recalled: true } : { ...m };
}

/** answer makes an HTTP answer. */
export function answer(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers });
}
