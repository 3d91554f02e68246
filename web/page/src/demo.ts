// A simulated room, to look at the page without a server: /?demo=1.

import { BarrageError, type Done, type Held, type Message, type RoomEvents, type SendOptions, type Sent, type State } from "../../client/src/index.js";
import { readModes } from "../../client/src/wire.js";
import type { Source } from "./source.js";

const names = ["Mia", "阿杰", "Noah", "小雨", "Léa", "Kenji", "大橙子", "Oskar", "Priya", "柠檬不酸", "Zoë", "Tomás", "夜猫子", "Amara", "北极星", "Ivy", "老王", "さくら", "Jonas", "晚风"];
const lines = [
  "666", "哈哈哈哈哈", "前方高能！", "that riff!!", "🔥🔥🔥", "encore! encore!", "第一次看现场", "awesome", "👏👏👏", "这个灯光绝了", "hello from Lisbon", "泪目", "Who is on the drums?",
  "声音好棒", "すごい！", "I was at the show in May, and this one is even better", "打卡打卡", "wow", "现场气氛太好了", "❤️", "louder!", "求歌名", "单曲循环中", "what a voice", "来晚了来晚了", "goosebumps",
  "再来一首！", "turn up the bass", "这首歌陪我度过了整个高三，谢谢你们", "😭😭", "best stream of the year", "弹幕护体",
];
const kept = 400;
const every = 50; // ms between two batches.

type Listeners = { [E in keyof RoomEvents]: ((...args: RoomEvents[E]) => void)[] };

/** Demo is a room that makes its messages up. */
export class Demo implements Source {
  readonly epoch = "demo";
  /** rate is messages a second. */
  rate: number;
  private readonly listeners: Listeners = { welcome: [], auth: [], message: [], recalled: [], gap: [], counters: [], room: [], you: [], purged: [], cleared: [], storm: [], held: [], system: [], epoch: [], state: [], error: [] };
  private recent: Message[] = [];
  private seq = 0;
  private online = 1200;
  private likes = 8400;
  private due = 0;
  private last = 0;
  private counted = 0;
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly me: string, rate: number) {
    this.rate = rate;
  }

  on<E extends keyof RoomEvents>(event: E, listener: (...args: RoomEvents[E]) => void): () => void {
    this.listeners[event].push(listener);
    return () => {};
  }

  connect(): void {
    this.emit("state", state("open", "welcome"));
    const now = Date.now(), can = ["read", "send", "like", "recall"];
    for (let i = 200; i > 0; i--) this.make(now - i * 7000);
    this.emit("welcome", {
      room: "demo", userId: this.me, guest: false, can, role: "", authExpiresMs: 0, node: "demo", epoch: this.epoch, seq: this.seq, online: this.online, likes: this.likes, total: this.seq, recovered: false,
      limits: { maxBodyBytes: 2000, maxFrameBytes: 4000, recallMs: 120_000, ratePerSecond: 5, burst: 10 },
      modes: readModes(undefined), you: { role: "", mutedUntil: 0, reason: "", can },
    });
    for (const m of this.recent.slice(-30)) this.emit("message", m, { history: true });
    this.last = this.counted = performance.now();
    this.timer = setInterval(() => this.tick(), every);
  }

  close(): void {
    clearInterval(this.timer);
    this.emit("state", state("closed", "close"));
  }

  send(body: string, { id, ext }: SendOptions = {}): Promise<Sent> {
    const message = { ...this.make(Date.now(), this.me, body, id), ...(ext === undefined ? {} : { ext }) };
    this.emit("message", message, { history: false });
    return Promise.resolve({ id: message.id, epoch: "", seq: message.seq, ts: message.ts });
  }

  like(n: number): void {
    this.likes += n;
  }

  recall(seq: number): Promise<void> {
    const message = this.recent.find((m) => m.seq === seq);
    if (message) this.emit("recalled", { seq, by: this.me, userId: this.me, id: message.id, ts: message.ts });
    return Promise.resolve();
  }

  moderate(): Promise<Done> {
    return Promise.reject(new BarrageError("forbidden", "nobody moderates a simulated room"));
  }

  held(): Promise<Held[]> {
    return Promise.resolve([]);
  }

  messages(before?: number, limit = 50): Promise<Message[]> {
    return Promise.resolve(this.recent.filter((m) => m.seq < (before ?? Infinity)).slice(-limit));
  }

  private tick(): void {
    const now = performance.now();
    this.due += Math.min(1000, now - this.last) * this.rate / 1000;
    this.last = now;
    for (; this.due >= 1; this.due--) this.emit("message", this.make(Date.now()), { history: false });
    if (now - this.counted < 1000) return;
    this.counted = now;
    this.online = Math.max(3, Math.round(this.online + (Math.random() - 0.48) * 14));
    this.likes += Math.round(Math.random() ** 3 * 6 * Math.log2(2 + this.rate));
    this.emit("counters", { online: this.online, likes: this.likes });
  }

  private make(ts: number, userId = pick(names), body = pick(lines), id?: string): Message {
    const gift = userId !== this.me && Math.random() < 0.012;
    const seq = ++this.seq;
    const message: Message = { seq, kind: gift ? "gift" : "chat", userId, body: gift ? "🎁 ×10" : body, ts, id: id ?? `~${seq}`, recalled: false };
    this.recent.push(message);
    if (this.recent.length > 2 * kept) this.recent = this.recent.slice(-kept);
    return message;
  }

  private emit<E extends keyof RoomEvents>(event: E, ...args: RoomEvents[E]): void {
    for (const listener of this.listeners[event]) listener(...args);
  }
}

function pick<T>(from: readonly T[]): T {
  return from[Math.floor(Math.random() * from.length)]!;
}

function state(name: State["name"], reason: State["reason"]): State {
  return { name, reason, closeCode: 0 };
}
