import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import type { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import { startNode } from "../child.ts";

/** How many of the last log lines are shown when a program ends by itself. */
const SHOWN_LINES = 15;

/** One program to run. */
export interface ProgramOptions {
  /** What messages call it. */
  readonly name: string;
  readonly args: readonly string[];
  /** Its whole environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Takes everything it prints. */
  readonly logFile: string;
}

/** One of the programs that `npm start` runs as a child process, with its log in a file. */
export class Program {
  readonly name: string;
  readonly logFile: string;
  /** Resolves with one sentence when it has ended, whoever ended it. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  #lastLines: string[] = [];

  constructor(options: ProgramOptions) {
    this.name = options.name;
    this.logFile = options.logFile;
    this.#child = startNode(options.args, options.env);
    this.ended = this.#end();
    this.#keepLog();
  }

  /** Its last log lines, for the case that it did not do what it should. */
  get lastLines(): string {
    return this.#lastLines.join("\n");
  }

  /** Asks it to end and waits; after `graceMs` milliseconds it is killed. */
  async stop(graceMs: number): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    const timer = setTimeout(() => this.kill(), graceMs);
    await this.ended;
    clearTimeout(timer);
  }

  /** Ends it at once. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }

  get #outputs(): readonly Readable[] {
    return [this.#child.stdout, this.#child.stderr].filter((stream) => stream !== null);
  }

  async #end(): Promise<string> {
    try {
      // `close` never comes once this side has disconnected the channel (Node 26.10).
      await once(this.#child, "exit");
      await Promise.all(this.#outputs.map((stream) => finished(stream)));
    } catch (error) {
      return `The ${this.name} could not be started: ${String(error)}`;
    }
    const how = this.#child.signalCode ?? `exit code ${this.#child.exitCode}`;
    return `The ${this.name} ended (${how})`;
  }

  #keepLog(): void {
    const file = createWriteStream(this.logFile, { flags: "w" });
    // A full disk costs the log and nothing else (faults F17).
    file.on("error", () => file.destroy());
    for (const stream of this.#outputs) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        if (!file.destroyed) file.write(text);
        const lines = (this.#lastLines.join("\n") + text).split("\n");
        this.#lastLines = lines.slice(-SHOWN_LINES);
      });
    }
  }
}
