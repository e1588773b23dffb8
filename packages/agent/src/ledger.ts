/**
 * The operator's ledger: what was done over this line, one JSON line per job or tunnel, a file per month. Hosts,
 * times and bytes; never paths, headers or bodies. A disk that is full stops no work (faults F17).
 */
import { createReadStream } from "node:fs";
import { appendFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** Lines are written together after this time. Milliseconds. */
const WRITE_DELAY_MS = 500;

/** Lines that may wait for the disk; more are lost and counted. */
const MAX_WAITING = 10_000;

/** One line of the ledger. */
export interface LedgerEntry {
  /** When it ended. */
  readonly time: Date;
  readonly kind: "http" | "tcp";
  /** What was asked for. */
  readonly host: string;
  /** Where redirects led besides. */
  readonly redirectHosts?: readonly string[];
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly ms: number;
  /** `completed` or an error code. */
  readonly outcome: string;
}

/** Where the files are, and who hears of lines that could not be written. */
export interface LedgerOptions {
  readonly folder: string;
  /** Lines were lost, and why, by the system's code. Called once per failure that follows a success. */
  readonly onLost: (lines: number, code: string) => void;
}

/** Appends entries to the month's file, `YYYY-MM.jsonl`; those that come while too many wait are counted as lost. */
export class Ledger {
  readonly #options: LedgerOptions;
  /** Lines by month. */
  #waiting = new Map<string, string[]>();
  #waitingCount = 0;
  #lostCount = 0;
  #isFailing = false;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  /** Lines lost so far. */
  get lostCount(): number {
    return this.#lostCount;
  }

  append(entry: LedgerEntry): void {
    if (this.#waitingCount >= MAX_WAITING) {
      this.#lostCount += 1;
      return;
    }
    const month = monthOf(entry.time);
    const lines = this.#waiting.get(month) ?? [];
    // A `Date` would keep V8 from its quick way to JSON.
    lines.push(`${JSON.stringify({ ...entry, time: entry.time.toISOString() })}\n`);
    this.#waiting.set(month, lines);
    this.#waitingCount += 1;
    this.#timer ??= setTimeout(() => void this.flush(), WRITE_DELAY_MS).unref();
  }

  /** Writes what waits; never rejects. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  /** Bytes of all entries of the month of `time`, both directions; 0 when there is no ledger. */
  async bytesInMonth(time: Date): Promise<number> {
    let bytes = 0;
    try {
      const lines = createInterface({ input: createReadStream(this.#fileOf(monthOf(time))) });
      for await (const line of lines) bytes += bytesOf(line);
    } catch {
      // No file, or none that can be read: counting starts now.
    }
    return bytes;
  }

  async #write(): Promise<void> {
    const batches = this.#waiting;
    this.#waiting = new Map();
    this.#waitingCount = 0;
    for (const [month, lines] of batches) await this.#writeMonth(month, lines);
  }

  async #writeMonth(month: string, lines: readonly string[]): Promise<void> {
    try {
      await mkdir(this.#options.folder, { recursive: true });
      await appendFile(this.#fileOf(month), lines.join(""), { mode: 0o600 });
      this.#isFailing = false;
    } catch (error) {
      this.#lostCount += lines.length;
      if (!this.#isFailing) this.#options.onLost(lines.length, systemCode(error));
      this.#isFailing = true;
    }
  }

  #fileOf(month: string): string {
    return join(this.#options.folder, `${month}.jsonl`);
  }
}

/** `2031-04`, in local time. */
export function monthOf(time: Date): string {
  return `${time.getFullYear()}-${String(time.getMonth() + 1).padStart(2, "0")}`;
}

function bytesOf(line: string): number {
  try {
    const entry = JSON.parse(line) as Partial<LedgerEntry> | null;
    return positive(entry?.sentBytes) + positive(entry?.receivedBytes);
  } catch {
    // The last line may be cut: the machine may have been switched off.
    return 0;
  }
}

function positive(value: unknown): number {
  return typeof value === "number" && value > 0 ? value : 0;
}

function systemCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown";
}
