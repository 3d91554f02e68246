// A gateway of its own for each test: bin/barrage, or what BARRAGE_BIN names.

import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";

const bin = resolve(process.env["BARRAGE_BIN"] ?? "../../bin/barrage");

/** Gateway is one running node. */
export class Gateway {
  readonly port: number;
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess, port: number) {
    this.#process = process;
    this.port = port;
  }

  /** start starts a node with settings of the environment; it ends with the test. */
  static async start(t: TestContext, env: Record<string, string> = {}): Promise<Gateway> {
    assert.ok(existsSync(bin), `there is no ${bin}: run make build, or name it in BARRAGE_BIN`);
    const child = spawn(bin, ["serve"], {
      env: { PATH: process.env["PATH"], BARRAGE_SERVER_LISTEN: "127.0.0.1:0", BARRAGE_ADMIN_LISTEN: "127.0.0.1:0", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let errors = "";
    child.stderr.on("data", (data: Buffer) => (errors += data.toString()));
    t.after(async () => {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill("SIGKILL");
        await once(child, "exit");
      }
      t.diagnostic(errors.slice(-2000));
    });
    for await (const line of createInterface(child.stdout)) {
      const port = /room\s+http:\/\/[^/]*:(\d+)\//.exec(line)?.[1];
      if (port) {
        child.stdout.resume(); // or the node waits for us to read
        return new Gateway(child, Number(port));
      }
    }
    throw new Error(`the gateway did not start: ${errors}`);
  }

  /** stop ends the node, gently or not, and returns when it is gone. */
  async stop(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const gone = once(this.#process, "exit");
    this.#process.kill(signal);
    await gone;
  }
}

/** eventually returns when check passes; it is asked again at each turn of the loop, and after limitMs for the last time. */
export async function eventually(what: string, check: () => boolean, limitMs = 20_000): Promise<void> {
  const end = Date.now() + limitMs;
  while (!check()) {
    assert.ok(Date.now() < end, `not within ${limitMs} ms: ${what}`);
    await new Promise((tick) => setTimeout(tick, 5));
  }
}
