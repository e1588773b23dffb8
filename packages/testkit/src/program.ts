import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { LogLines } from "./log-lines.ts";
import { processUsage, type ProcessUsage } from "./process-usage.ts";
import { within } from "./until.ts";

/** How a program is started. */
export interface ProgramOptions {
  /** What messages call it. */
  readonly name: string;
  /** Default: the Node that runs this. */
  readonly command?: string;
  readonly args: readonly string[];
  /** The whole environment, save PATH and HOME. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** How it ended; one of the two is `null`. */
export interface ProgramEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** How long a program may take to end after SIGTERM before it is killed at clean-up. */
const END_MS = 3_000;

/** A child process with its log; leaving its scope ends it. */
export class Program implements AsyncDisposable {
  readonly name: string;
  readonly logs = new LogLines();
  /** Resolves when it has ended. */
  readonly ended: Promise<ProgramEnd>;
  readonly #child: ChildProcess;

  constructor(options: ProgramOptions) {
    this.name = options.name;
    const child = spawn(options.command ?? process.execPath, options.args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...inherited(), ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    this.#child = child;
    this.logs.follow(child.stdout);
    this.logs.follow(child.stderr);
    this.ended = once(child, "close").then(() => ({
      code: child.exitCode,
      signal: child.signalCode,
    }));
    this.ended.catch(() => undefined);
    // A test that dies must not leave its programs behind.
    const kill = (): void => void child.kill("SIGKILL");
    process.once("exit", kill);
    child.once("exit", () => process.off("exit", kill));
  }

  /** @throws {Error} when it could not be started. */
  get pid(): number {
    if (this.#child.pid === undefined) throw new Error(`${this.name} did not start`);
    return this.#child.pid;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get usage(): ProcessUsage {
    return processUsage(this.pid);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /**
   * Waits until `ready` is true of the log.
   * @throws {Error} with the log when the program ends before, or the deadline passes.
   */
  async ready(marker: string | RegExp, deadlineMs = 10_000): Promise<void> {
    const gone = this.ended.then(({ code, signal }) => {
      throw new Error(`${this.name} ended (${signal ?? code}) before it was ready`);
    });
    try {
      await Promise.race([this.logs.waitFor(marker, deadlineMs), gone]);
    } catch (error) {
      throw new Error(`${this.name} is not ready\n${this.logs.text}`, { cause: error });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.running) return;
    // A stopped process hears SIGTERM only after SIGCONT.
    this.kill("SIGCONT");
    this.kill("SIGTERM");
    try {
      await within(`${this.name} to end`, this.ended, END_MS);
    } catch {
      this.kill("SIGKILL");
      await this.ended;
    }
  }
}

function inherited(): Record<string, string> {
  const { PATH = "", HOME = "" } = process.env;
  return { PATH, HOME };
}
