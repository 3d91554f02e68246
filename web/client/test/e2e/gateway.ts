// A gateway of its own for each test: bin/barrage, or what BARRAGE_BIN names.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { TestContext } from "node:test";
import { Program } from "../program.js";

const bin = resolve(process.env["BARRAGE_BIN"] ?? "../../bin/barrage");

/** Gateway is one running node. */
export class Gateway {
  readonly port: number;
  readonly #program: Program;

  private constructor(program: Program, port: number) {
    this.#program = program;
    this.port = port;
  }

  /**
   * start starts a node with settings of the environment; it ends with the test, which says what the node warned of
   * where it fails.
   */
  static async start(t: TestContext, env: Record<string, string> = {}): Promise<Gateway> {
    assert.ok(existsSync(bin), `there is no ${bin}: run make build, or name it in BARRAGE_BIN`);
    const { program, ready } = await Program.node(bin, ["serve"], {
      BARRAGE_SERVER_LISTEN: "127.0.0.1:0", BARRAGE_ADMIN_LISTEN: "127.0.0.1:0", BARRAGE_LOG_LEVEL: "warn", BARRAGE_LIMITS_ENABLED: "false", ...env,
    });
    t.after(async () => { // passed is newer than the types.
      await program.end("SIGKILL");
      if (!(t as { passed?: boolean }).passed && program.warnings) t.diagnostic(program.warnings.slice(-2000));
    });
    return new Gateway(program, Number(ready.public.split(":").at(-1)));
  }

  /** stop ends the node, gently or not, and returns when it is gone. */
  async stop(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    await this.#program.end(signal);
  }
}

/**
 * eventually returns when check passes; it is asked again at each turn of the loop, and after limitMs for the last
 * time.
 */
export async function eventually(what: string, check: () => boolean, limitMs = 20_000): Promise<void> {
  const end = Date.now() + limitMs;
  while (!check()) {
    assert.ok(Date.now() < end, `not within ${limitMs} ms: ${what}`);
    await new Promise((tick) => setTimeout(tick, 5));
  }
}
