// Real nodes for the tests: the binary of BARRAGE_BIN, or the one that `make build` made.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";

const binary = process.env["BARRAGE_BIN"] ?? "../../bin/barrage";

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

/** until calls try every 30 ms until it resolves to true, for ten seconds. */
async function until(what: string, attempt: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 330; tries++) {
    if (await attempt().catch(() => false)) return;
    await new Promise((done) => setTimeout(done, 30));
  }
  throw new Error(`${what} does not answer`);
}

function end(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((done) => {
    child.once("exit", () => done());
    child.kill(signal);
  });
}

/** Redis is a Redis of our own. */
export class Redis {
  private constructor(readonly address: string, private readonly child: ChildProcess) {}

  static async start(): Promise<Redis> {
    const port = await freePort(), child = spawn("redis-server", ["--port", String(port), "--save", "", "--bind", "127.0.0.1"], { stdio: "ignore" });
    const redis = new Redis(`127.0.0.1:${port}`, child);
    const { connect } = await import("node:net");
    await until("redis-server", () => new Promise((done) => {
      const socket = connect(port, "127.0.0.1", () => { socket.destroy(); done(true); });
      socket.on("error", () => done(false));
    }));
    return redis;
  }

  stop(): Promise<void> {
    return end(this.child, "SIGKILL");
  }
}

/** Node is one gateway, to be stopped and started on the same port. */
export class Node {
  private child: ChildProcess | undefined;
  private log = "";

  private constructor(private readonly port: number, private readonly adminPort: number, private readonly redis: string) {}

  static async start(redis: string): Promise<Node> {
    if (!existsSync(binary)) throw new Error(`cannot test against a node: there is no ${binary}; run \`make build\` or set BARRAGE_BIN`);
    const node = new Node(await freePort(), await freePort(), redis);
    await node.start();
    return node;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  async start(): Promise<void> {
    this.child = spawn(binary, ["serve"], {
      env: { PATH: process.env["PATH"], BARRAGE_SERVER_LISTEN: `127.0.0.1:${this.port}`, BARRAGE_ADMIN_LISTEN: `127.0.0.1:${this.adminPort}`, BARRAGE_REDIS_ADDRS: this.redis, BARRAGE_SERVER_DRAIN_TIMEOUT: "1s" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.child.stdout, this.child.stderr]) stream?.on("data", (d) => { this.log += d; });
    await until("the node", () => fetch(this.url).then((r) => r.ok)).catch(async (err: Error) => {
      await this.kill();
      throw new Error(`${err.message}:\n${this.log}`);
    });
  }

  /** stop ends it as a deploy would. */
  stop(): Promise<void> {
    return end(this.child, "SIGTERM");
  }

  /** kill ends it as a power cut would. */
  kill(): Promise<void> {
    return end(this.child, "SIGKILL");
  }
}
