// Real nodes for the tests: the binary of BARRAGE_BIN, or the one that `make build` made.

import { existsSync } from "node:fs";
import { freePort, Program } from "../../client/test/program.js";

/** binary is the program. */
export const binary = process.env["BARRAGE_BIN"] ?? "../../bin/barrage";

/** Node is one gateway, to be stopped and started on the same port. */
export class Node {
  private program: Program | undefined;
  /** admin is where its admin port listens, as host:port; another one each time it starts. */
  admin = "";

  private constructor(private readonly port: number, private readonly settings: Record<string, string>) {}

  /**
   * start starts a node with the Redis of this port, or with a memory of its own, and with settings of the environment.
   */
  static async start(redis?: number, settings: Record<string, string> = {}): Promise<Node> {
    if (!existsSync(binary)) throw new Error(`cannot test against a node: there is no ${binary}; run \`make build\` or set BARRAGE_BIN`);
    const node = new Node(await freePort(), { ...(redis ? { BARRAGE_REDIS_ADDRS: `127.0.0.1:${redis}` } : {}), ...settings });
    await node.start();
    return node;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  /** start starts it again. */
  async start(): Promise<void> {
    const { program, ready } = await Program.node(binary, ["serve"], {
      BARRAGE_SERVER_LISTEN: `127.0.0.1:${this.port}`, BARRAGE_ADMIN_LISTEN: "127.0.0.1:0", BARRAGE_SERVER_DRAIN_TIMEOUT: "1s", BARRAGE_LIMITS_ENABLED: "false", ...this.settings,
    });
    this.program = program;
    this.admin = ready.admin ?? "";
  }

  /** stop ends it as a deploy would. */
  async stop(): Promise<void> {
    await this.program?.end("SIGTERM");
  }

  /** kill ends it as a power cut would. */
  async kill(): Promise<void> {
    await this.program?.end("SIGKILL");
  }
}
