// Programs that tests start: nodes, redis-servers. They end with the test that started
// them, and with its process, however that ends.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import type { Readable } from "node:stream";

/** startMs bounds the time until a program is ready. */
const startMs = 30_000;

/** keptLog bounds what is kept of a program's output, in characters. */
const keptLog = 20_000;

/** mortal is before a command: with it the kernel ends a program whose starter is gone, whatever ended that. */
const mortal = process.platform === "linux" ? ["setpriv", "--pdeathsig", "KILL"] : ["env"];

/** Ready is where a node listens: host:port. */
export interface Ready {
  readonly public: string;
  readonly admin?: string;
}

/** Program is one that runs. */
export class Program {
  /** log is the newest of its output, to either stream. */
  log = "";
  /** warnings is the newest of its output to standard error. */
  warnings = "";
  readonly #process: ChildProcess;
  #heard = () => {}; // called when there is more in log

  private constructor(process: ChildProcess) {
    this.#process = process;
    for (const stream of [process.stdout!, process.stderr!]) {
      stream.setEncoding("utf8").on("data", (data: string) => {
        this.log = (this.log + data).slice(-keptLog);
        if (stream === process.stderr) this.warnings = (this.warnings + data).slice(-keptLog);
        this.#heard();
      });
    }
  }

  /**
   * start starts a program and returns it when it has written what ready matches. Of our environment it has the PATH
   * only.
   */
  static start(command: string, args: string[], ready: RegExp): Promise<Program> {
    const [program] = Program.#spawn(command, args, {});
    return program.#begun(command, program.#said(ready).then(() => program));
  }

  /**
   * node starts a node, or another program that says where it listens on the descriptor that BARRAGE_READY_FD names.
   */
  static node(command: string, args: string[], env: Record<string, string>): Promise<{ program: Program; ready: Ready }> {
    const [program, child] = Program.#spawn(command, args, { ...env, BARRAGE_READY_FD: "3" });
    let line = "";
    (child.stdio[3] as Readable).setEncoding("utf8").on("data", (data: string) => {
      line += data;
      program.#heard();
    });
    const told = program.#until(() => (line.endsWith("\n") ? { program, ready: JSON.parse(line) as Ready } : undefined));
    return program.#begun(command, told);
  }

  static #spawn(command: string, args: string[], env: Record<string, string>): [Program, ChildProcess] {
    const child: ChildProcess = spawn(mortal[0]!, [...mortal.slice(1), command, ...args], {
      env: { PATH: process.env["PATH"], ...env }, stdio: ["ignore", "pipe", "pipe", "pipe"],
    });
    return [new Program(child), child];
  }

  async #begun<T>(command: string, begun: Promise<T>): Promise<T> {
    try {
      return await begun;
    } catch (err) {
      await this.end("SIGKILL");
      throw new Error(`cannot start ${command}: ${(err as Error).message}\n${this.log}`);
    }
  }

  /** running is false once it has ended. */
  get running(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** kill sends a signal. */
  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** end sends a signal and returns when the program is gone. */
  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    if (!this.running || this.#process.pid === undefined) return;
    const gone = once(this.#process, "exit");
    this.kill(signal);
    await gone;
  }

  #said(ready: RegExp): Promise<RegExpExecArray> {
    return this.#until(() => ready.exec(this.log) ?? undefined);
  }

  /** #until returns what look finds; it looks whenever there is new output. */
  #until<T>(look: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const fail = (err: Error) => (clearTimeout(limit), reject(err));
      const limit = setTimeout(() => fail(new Error(`not ready within ${startMs} ms`)), startMs);
      this.#heard = () => {
        const found = look();
        if (found === undefined) return;
        clearTimeout(limit);
        this.#heard = () => {};
        resolve(found);
      };
      this.#process.once("error", fail);
      this.#process.once("close", () => fail(new Error("it ended")));
    });
  }
}

/** startRedis starts a redis-server that keeps nothing. */
export async function startRedis(): Promise<{ program: Program; port: number }> {
  const port = await freePort();
  const program = await Program.start("redis-server", ["--bind", "127.0.0.1", "--port", String(port), "--save", ""], /Ready to accept/);
  return { program, port };
}

/** given are the ports that freePort has returned: the programs that they are for may not be there now. */
const given = new Set<number>();

/**
 * freePort returns a port below those that the kernel gives to connections. A connection could take one of those while
 * the program that the port is for is not there. Each process has a hundred of its own, as tests run side by side.
 */
export async function freePort(): Promise<number> {
  for (let tries = 1; ; tries++) {
    const port = 15_000 + (process.pid % 150) * 100 + Math.floor(Math.random() * 100);
    if (given.has(port) && tries < 20) continue;
    const probe = createServer().listen(port, "127.0.0.1");
    const free = await once(probe, "listening").then(() => true, () => false);
    if (!free && tries < 20) continue;
    if (!free) throw new Error(`cannot find a free port: ${port} is taken, as were ${tries - 1} others`);
    probe.close();
    await once(probe, "close");
    given.add(port);
    return port;
  }
}

const installed = process.env["CHROMIUM"] ?? ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium", "/usr/bin/google-chrome"].find(existsSync);

/**
 * chromium is how Chromium is started: that of CHROMIUM, or Debian's, or Chrome, or else Playwright's. First comes its
 * shell without windows. A new context with an empty page takes 0.3 s of CPU time there, 2.5 s in the whole browser.
 * Root has no sandbox. It ends when the pipe to it does, so no signal of ours is caught: a test that hangs can be
 * ended.
 */
export const chromium = {
  ...(installed ? { executablePath: installed } : {}),
  chromiumSandbox: process.getuid?.() !== 0,
  handleSIGINT: false,
  handleSIGTERM: false,
  handleSIGHUP: false,
};
