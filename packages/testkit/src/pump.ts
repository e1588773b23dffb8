import type { Socket } from "node:net";

/** What a line is like. */
export interface LineQuality {
  /** One way. Milliseconds; default 0. */
  readonly latencyMs?: number;
  /** Each way; default 0: unlimited. */
  readonly bytesPerSecond?: number;
}

interface Waiting {
  readonly chunk: Buffer;
  readonly dueMs: number;
}

/** Bytes of a connection the pump holds before it stops reading. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;

/** One direction of one connection: reads, waits as long as the line takes, writes. */
export class Pump {
  corruptNext = false;
  #insertion: string | undefined;
  readonly #source: Socket;
  readonly #sink: Socket;
  readonly #quality: LineQuality;
  readonly #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #paused = false;
  #ended = false;
  #timer: NodeJS.Timeout | undefined;
  /** When the line has finished sending what it already has. */
  #lineFreeMs = 0;

  constructor(source: Socket, sink: Socket, quality: LineQuality) {
    this.#source = source;
    this.#sink = sink;
    this.#quality = quality;
    source.on("data", (chunk: Buffer) => this.#take(chunk));
    source.on("end", () => {
      this.#ended = true;
      this.#deliver();
    });
    sink.on("drain", () => this.#deliver());
    sink.on("close", () => clearTimeout(this.#timer));
  }

  pause(): void {
    this.#paused = true;
    this.#source.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#source.resume();
    this.#deliver();
  }

  /** Puts a header line behind the first line that passes. */
  insertHeader(line: string): void {
    this.#insertion = line;
  }

  #take(arrived: Buffer): void {
    const chunk = this.#withInsertion(arrived);
    if (this.corruptNext) {
      this.corruptNext = false;
      chunk[0] = (chunk[0] ?? 0) ^ 1;
    }
    const nowMs = performance.now();
    const { latencyMs = 0, bytesPerSecond = 0 } = this.#quality;
    const sendMs = bytesPerSecond > 0 ? (chunk.length / bytesPerSecond) * 1000 : 0;
    this.#lineFreeMs = Math.max(nowMs, this.#lineFreeMs) + sendMs;
    this.#waiting.push({ chunk, dueMs: this.#lineFreeMs + latencyMs });
    this.#waitingBytes += chunk.length;
    if (this.#waitingBytes > MAX_WAITING_BYTES) this.#source.pause();
    this.#deliver();
  }

  #withInsertion(chunk: Buffer): Buffer {
    const lineEnd = this.#insertion === undefined ? -1 : chunk.indexOf("\r\n");
    if (lineEnd === -1) return chunk;
    const line = Buffer.from(`\r\n${this.#insertion}`);
    this.#insertion = undefined;
    return Buffer.concat([chunk.subarray(0, lineEnd), line, chunk.subarray(lineEnd)]);
  }

  #deliver(): void {
    clearTimeout(this.#timer);
    while (!this.#paused && !this.#sink.writableNeedDrain) {
      const next = this.#waiting[0];
      if (!next) break;
      const waitMs = next.dueMs - performance.now();
      if (waitMs > 0.5) {
        this.#timer = setTimeout(() => this.#deliver(), waitMs);
        break;
      }
      this.#waiting.shift();
      this.#waitingBytes -= next.chunk.length;
      this.#sink.write(next.chunk);
    }
    if (this.#paused) return;
    if (this.#waitingBytes < MAX_WAITING_BYTES / 2) this.#source.resume();
    if (this.#ended && this.#waiting.length === 0) this.#sink.end();
  }
}
