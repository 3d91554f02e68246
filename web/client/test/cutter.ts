// A TCP proxy that cuts connections by force, at a byte or at a word.

import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { once } from "node:events";

/** Cutter stands before a server. */
export class Cutter {
  /** cutAfter, where set, cuts the next connection after so many bytes of the server, once. */
  cutAfter: number | undefined;
  /** refusing cuts each new connection at once. */
  refusing = false;
  readonly #server: Server;
  readonly #pairs = new Set<[Socket, Socket]>();

  private constructor(target: () => number) {
    this.#server = createServer((near) => {
      if (this.refusing) return void near.resetAndDestroy();
      const far = connect(target(), "127.0.0.1");
      const pair: [Socket, Socket] = [near, far];
      this.#pairs.add(pair);
      let left = this.cutAfter;
      this.cutAfter = undefined;
      far.on("data", (data) => {
        if (left === undefined) return void near.write(data);
        near.write(data.subarray(0, left));
        left -= data.length;
        if (left <= 0) this.#cut(pair);
      });
      near.on("data", (data) => far.write(data));
      for (const socket of pair) {
        socket.setNoDelay(true); // the bytes that were read go on at once
        socket.on("error", () => {});
        socket.on("close", () => this.#cut(pair));
      }
    });
  }

  /** before makes a Cutter before the port that target names at each connection. */
  static async before(target: () => number): Promise<Cutter> {
    const cutter = new Cutter(target);
    cutter.#server.listen(0, "127.0.0.1");
    await once(cutter.#server, "listening");
    return cutter;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** connections is how many stand. */
  get connections(): number {
    return this.#pairs.size;
  }

  /** cutAll cuts every connection, and returns how many. */
  cutAll(): number {
    const pairs = [...this.#pairs];
    for (const pair of pairs) this.#cut(pair);
    return pairs.length;
  }

  close(): void {
    this.#server.close();
    this.cutAll();
  }

  #cut(pair: [Socket, Socket]): void {
    this.#pairs.delete(pair);
    pair[0].end(() => pair[0].destroy()); // the bytes that were let through arrive
    pair[1].destroy();
  }
}
