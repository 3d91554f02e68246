// People who talk in a room of a real node, each over a socket of their own.

import { WebSocket } from "ws";
import { Room, type WebSocketClass } from "../../client/src/index.js";

const words = ["666", "前方高能！", "that riff!!", "🔥🔥🔥", "encore! encore!", "第一次看现场", "hello from Lisbon", "泪目", "再来一首！", "what a voice", "I was at the show in May, and this one is even better"];
const every = 20; // ms between two bursts.
const unanswered = 50; // Messages of one person, at most; a client refuses to send where 100 wait.

/** Crowd is a number of people in one room. */
export class Crowd {
  /** said counts the messages that were sent, taken those that the room has taken; refused says why of the rest. */
  said = 0;
  taken = 0;
  readonly refused: string[] = [];
  private readonly people: Room[];
  private timer: ReturnType<typeof setInterval> | undefined;

  /** A Crowd enters the room of the node at this address. */
  constructor(url: string, room: string, people = 4) {
    this.people = Array.from({ length: people }, (_, i) => new Room({ url, room, userId: `fan-${i + 1}`, token: "t", WebSocket: WebSocket as WebSocketClass }));
    for (const person of this.people) person.connect();
  }

  /** talk sends rate messages a second until hush, by the clock: late ones are made up for as answers come. */
  talk(rate: number): void {
    const from = performance.now(), before = this.said;
    this.timer = setInterval(() => {
      const due = before + (performance.now() - from) * rate / 1000;
      while (this.said < due && this.said - this.taken - this.refused.length < unanswered * this.people.length) void this.say(`${words[this.said % words.length]} ${this.said}`);
    }, every);
  }

  /** hush ends the talking. */
  hush(): void {
    clearInterval(this.timer);
  }

  /** say sends one message, and returns when the room has taken it or not. */
  async say(body: string): Promise<void> {
    const person = this.people[this.said++ % this.people.length]!;
    await person.send(body).then(() => this.taken++, (err: unknown) => this.refused.push(String(err)));
  }

  /** leave ends it for all. */
  leave(): void {
    this.hush();
    for (const person of this.people) person.close();
  }
}
