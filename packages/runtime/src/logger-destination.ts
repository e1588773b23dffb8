/**
 * Where log lines leave the process. They are collected and written together, one write at a time; what is
 * left is written at exit. Neither a full disk nor a reader that stands still ends or stops the process: lines
 * that could not be written or kept are counted, and their number is logged once writing works again (faults F17).
 */
import { write, writeSync } from "node:fs";

/** Lines are written when there are this many characters of them, or after the time below. */
const BATCH_CHARS = 4096;
const BATCH_MS = 100;

/** What may wait while a write is under way. Characters. */
const MAX_WAITING_CHARS = 4 * 1024 * 1024;

/** At exit, a busy reader is asked this often, `EXIT_PAUSE_MS` apart: 500 ms in all. */
const EXIT_ATTEMPTS = 10;
const EXIT_PAUSE_MS = 50;

/** The file system calls this needs, with one descriptor in mind. */
export interface LogFile {
  write(
    bytes: Uint8Array,
    done: (error: NodeJS.ErrnoException | null, written: number) => void,
  ): void;
  /** How many bytes were written; throws like `node:fs`. */
  writeSync(bytes: Uint8Array): number;
}

/** Opens a descriptor, such as stdout's, for log lines, and flushes it when the process exits. */
export function openLogDestination(fd: number): LogDestination {
  const destination = new LogDestination({
    write: (bytes, done) => write(fd, bytes, done),
    writeSync: (bytes) => writeSync(fd, bytes),
  });
  process.once("exit", () => destination.flushSync());
  return destination;
}

/** Collects lines for a file; pino writes to it. */
export class LogDestination {
  readonly #file: LogFile;
  #waiting = "";
  #timer: NodeJS.Timeout | undefined;
  #isWriting = false;
  /** A batch that a busy file did not take; it goes before what waits. */
  #refused: Uint8Array | undefined;
  #lostLines = 0;

  constructor(file: LogFile) {
    this.#file = file;
  }

  /** Takes one line with its newline; never throws. */
  write(line: string): void {
    if (this.#waiting.length + line.length > MAX_WAITING_CHARS) {
      this.#lostLines += 1;
      return;
    }
    this.#waiting += line;
    this.#schedule();
  }

  /** Writes what waits before it returns; gives up when the file stays busy for 500 ms or fails. */
  flushSync(): void {
    let rest: Uint8Array = Buffer.concat([
      this.#refused ?? Buffer.of(),
      Buffer.from(this.#waiting),
    ]);
    this.#refused = undefined;
    this.#waiting = "";
    for (let attempts = 0; rest.length > 0 && attempts < EXIT_ATTEMPTS;) {
      try {
        rest = rest.subarray(this.#file.writeSync(rest));
      } catch (error) {
        if (!isBusy(error)) return;
        attempts += 1;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, EXIT_PAUSE_MS);
      }
    }
  }

  #schedule(): void {
    if (this.#isWriting || this.#waiting === "") return;
    if (this.#waiting.length >= BATCH_CHARS) this.#writeBatch();
    // The exit flushes: a line that waits need not keep the process alive.
    else this.#timer ??= setTimeout(() => this.#writeBatch(), BATCH_MS).unref();
  }

  #writeBatch(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const batch = Buffer.from(this.#waiting);
    this.#waiting = "";
    this.#isWriting = true;
    this.#writeRest(batch);
  }

  #writeRest(rest: Uint8Array): void {
    this.#refused = undefined;
    this.#file.write(rest, (error, written) => {
      if (error === null && written < rest.length) this.#writeRest(rest.subarray(written));
      else if (isBusy(error)) this.#retry(rest);
      else this.#finish(error === null ? 0 : countLines(rest));
    });
  }

  #retry(rest: Uint8Array): void {
    this.#refused = rest;
    setTimeout(() => {
      // The exit may have written it meanwhile.
      if (this.#refused === rest) this.#writeRest(rest);
    }, BATCH_MS).unref();
  }

  #finish(lostLines: number): void {
    this.#isWriting = false;
    if (lostLines > 0) this.#lostLines += lostLines;
    else if (this.#lostLines > 0) this.#reportLoss();
    this.#schedule();
  }

  #reportLoss(): void {
    const time = new Date().toISOString();
    const report = { level: "warn", time, lostLines: this.#lostLines, msg: "Log lines were lost" };
    this.#lostLines = 0;
    // Not through `write`: this line has to get in even when all room is taken.
    this.#waiting += `${JSON.stringify(report)}\n`;
  }
}

function isBusy(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "EAGAIN" || code === "EBUSY";
}

function countLines(bytes: Uint8Array): number {
  return bytes.reduce((lines, byte) => (byte === 10 ? lines + 1 : lines), 0);
}
