// One connection: from the handshake to its end, with the heartbeat that finds out
// when nobody is there any more.

import type { Env } from "./env.js";
import type { WebSocketClass, WebSocketLike } from "./types.js";
import { parseFrame, type Frame } from "./wire.js";

/** welcomeMs bounds the time from the start of a handshake to the welcome. */
const welcomeMs = 15_000;

/** pongMs is how long a server may take to answer a ping. */
const pongMs = 10_000;

/**
 * hiddenFactor is how many heartbeats a page that nobody sees lets pass before it pings. A
 * phone's radio should sleep, and the server's own pings hold the connection.
 */
const hiddenFactor = 4;

/** Ended says how a connection ended. */
export interface Ended {
  /** opened is true when the handshake succeeded. */
  readonly opened: boolean;
  /** code is the close code; 0 where we gave up ourselves. */
  readonly code: number;
  /** reason is the text of the close; "" for none. */
  readonly reason: string;
  /** silent is true where we gave up: nothing was received, or no welcome in time. */
  readonly silent: boolean;
}

/** ConnectionHost receives the frames and the end of a connection; nothing after ended or close. */
export interface ConnectionHost {
  /** frame is one frame of the server; undefined where it was no JSON object. */
  frame(frame: Frame | undefined): void;
  ended(ended: Ended): void;
}

/** Connection is one WebSocket. */
export class Connection {
  readonly #env: Env;
  readonly #host: ConnectionHost;
  readonly #socket: WebSocketLike;
  #opened = false;
  #heartbeatMs = 0; // 0 before the welcome
  #heard: number;
  #cancel: () => void; // of the one timer: for the welcome, then the next ping, then its answer

  /** A Connection throws where the url is none. */
  constructor(env: Env, WebSocket: WebSocketClass, url: string, protocols: string[], host: ConnectionHost) {
    this.#env = env;
    this.#host = host;
    this.#heard = env.now();
    this.#socket = new WebSocket(url, protocols);
    this.#cancel = env.after(welcomeMs, () => this.#end(0, "", true));
    this.#socket.onopen = () => {
      this.#opened = true;
    };
    this.#socket.onmessage = (event) => {
      this.#heard = env.now();
      this.#host.frame(parseFrame((event as MessageEvent<unknown>).data));
    };
    this.#socket.onclose = ({ code, reason }: CloseEvent) => this.#end(code, reason, false);
    this.#socket.onerror = () => {}; // onclose follows, and knows more
  }

  /** send sends one frame. */
  send(data: string): void {
    this.#socket.send(data);
  }

  /** welcomed starts the heartbeat: a ping after heartbeatMs of silence; 0 = none. */
  welcomed(heartbeatMs: number): void {
    this.#cancel();
    this.#heartbeatMs = heartbeatMs;
    if (heartbeatMs > 0) this.#rest();
  }

  /** check pings now, where there is a heartbeat: after a sleep a connection may be dead without knowing. */
  check(): void {
    if (this.#heartbeatMs === 0) return;
    this.#cancel();
    this.#ping();
  }

  /** close ends it; the host receives no more. */
  close(): void {
    this.#detach();
    this.#socket.close(1000);
  }

  /** #rest waits until it is time for a ping. */
  #rest(): void {
    this.#cancel = this.#env.after(Math.max(this.#silenceLeft(), 0), () => {
      if (this.#silenceLeft() > 0) this.#rest();
      else this.#ping();
    });
  }

  /** #silenceLeft is how much longer nothing may be received before a ping goes out, in ms. */
  #silenceLeft(): number {
    const silence = this.#heartbeatMs * (this.#env.hidden() ? hiddenFactor : 1);
    return this.#heard + silence - this.#env.now();
  }

  #ping(): void {
    const asked = this.#env.now();
    this.send(JSON.stringify({ t: "ping", ts: Math.floor(asked) }));
    this.#cancel = this.#env.after(pongMs, () => {
      if (this.#heard < asked) this.#end(0, "", true);
      else this.#rest();
    });
  }

  #end(code: number, reason: string, silent: boolean): void {
    this.#detach();
    if (silent) this.#socket.close(); // may take long to find out itself
    this.#host.ended({ opened: this.#opened, code, reason, silent });
  }

  /** #detach takes the listeners off the socket, and cancels the timer. */
  #detach(): void {
    this.#cancel();
    const nothing = () => {};
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = this.#socket.onerror = nothing;
  }
}
