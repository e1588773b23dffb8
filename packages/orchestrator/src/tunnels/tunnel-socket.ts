import { Duplex } from "node:stream";
import { ProxyError } from "@porchlight/protocol/errors";
import { ChunkQueue } from "@porchlight/runtime/chunk-queue";
import { readBlocks } from "@porchlight/runtime/read-blocks";
import type { TunnelExchange } from "../agents/link.ts";

/** Bytes held here for a reader that is slow; the rest waits as credit not given back. */
const HIGH_WATER_BYTES = 64 * 1024;

/** How long a target may take to end its side after ours has ended. Milliseconds. */
const CLOSE_MS = 1_000;

/** What came and was not read, in this order. */
export interface UnreadBytes {
  /** Their credit has gone back. */
  readonly paid: readonly Uint8Array[];
  /** Their credit is still to be given back, and they are to be dropped by `readBlocks.drop`. */
  readonly owed: readonly Uint8Array[];
  /** The target has ended its side behind them. */
  readonly hasEnded: boolean;
}

/**
 * An open tunnel as node:http takes one: a stream to write to the target and to read it. Credit goes back as the
 * reader takes bytes, and `write` waits as the link does: both sides are held up, and no memory is. Its owner
 * forwards what the tunnel's door hears to the `on…` methods, and listens for `error`.
 */
export class TunnelSocket extends Duplex {
  readonly #exchange: TunnelExchange;
  /** Came while the reader wanted no more. */
  readonly #waiting = new ChunkQueue();
  #isWanted = false;
  #hasEnded = false;
  #isReleased = false;
  #owedBytes = 0;
  #receivedBytes = 0;
  #written: (() => void) | undefined;
  #closing: NodeJS.Timeout | undefined;

  constructor(exchange: TunnelExchange) {
    // Strings come from node:http alone, and are parts of a head: see `_write`.
    super({ highWaterMark: HIGH_WATER_BYTES, decodeStrings: false });
    this.#exchange = exchange;
    // Nothing is asked for behind the end.
    this.once("end", () => this.#payBack());
  }

  /** Bytes of the target so far. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  // ── what the tunnel's door hears ──

  /** The chunk need be valid during this call only. */
  onData(chunk: Uint8Array): void {
    this.#receivedBytes += chunk.length;
    if (this.destroyed) this.#exchange.consume(chunk.length);
    else if (!this.#isWanted) this.#waiting.push(chunk);
    else this.#hand(this.#isHeard() ? viewOf(chunk) : Buffer.from(chunk));
  }

  onEnd(): void {
    this.#hasEnded = true;
    if (this.#waiting.bytes === 0) this.push(null);
  }

  onDrain(): void {
    const written = this.#written;
    this.#written = undefined;
    written?.();
  }

  onError(error: ProxyError): void {
    this.#isReleased = true;
    this.destroy(error);
  }

  // ── ends ──

  /** Breaks the tunnel off. */
  abort(error: ProxyError): void {
    if (!this.#isReleased) this.#abort(error);
    this.destroy(error);
  }

  /** Ends it gracefully when all is said: what the target still sends is dropped, and it has a second to end its side. */
  close(): void {
    if (this.destroyed) return;
    this.end();
    this.resume();
    this.#closing = setTimeout(() => this.destroy(), CLOSE_MS);
  }

  /** Gives the tunnel away, with what is unread; from here on it is not used any more. */
  release(): UnreadBytes {
    this.#isReleased = true;
    const owed = this.#waiting.takeAll();
    const paid = this.#readAll();
    this.#payBack();
    return { paid, owed, hasEnded: this.#hasEnded };
  }

  /** A single `read` may give one piece of several. */
  #readAll(): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    for (let piece = this.#readOne(); piece !== null; piece = this.#readOne()) pieces.push(piece);
    return pieces;
  }

  #readOne(): Uint8Array | null {
    return this.read() as Uint8Array | null;
  }

  // ── what the stream asks for ──

  override _read(): void {
    this.#payBack();
    this.#isWanted = true;
    if (this.#waiting.bytes === 0) return;
    for (const chunk of this.#waiting.takeAll()) {
      this.#hand(Buffer.from(chunk));
      readBlocks.drop(chunk);
    }
    if (this.#hasEnded) this.push(null);
  }

  override _write(chunk: Uint8Array | string, _: BufferEncoding, written: () => void): void {
    // Node writes some heads as UTF-8, which would make two bytes of one (`é`): they are Latin-1 as they came.
    const bytes = typeof chunk === "string" ? Buffer.from(chunk, "latin1") : chunk;
    if (this.#exchange.write(bytes)) written();
    else this.#written = written;
  }

  override _final(ended: () => void): void {
    this.#exchange.end();
    ended();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#closing);
    this.#payBack();
    this.#exchange.consume(this.#waiting.bytes);
    this.#waiting.clear();
    // node:http destroys first, and says why some ticks behind it: whoever knows a reason gives it before.
    const isWhole = this.#hasEnded && this.writableFinished;
    if (!this.#isReleased && !isWhole) setImmediate(this.#abort, NOT_NEEDED);
    done(error);
  }

  /**
   * Whether what is pushed now goes to a listener before `push` returns, and not into the stream's own buffer: node:http's
   * parser, which listens, keeps nothing of it. Within `_read` nothing ever does.
   */
  #isHeard(): boolean {
    return (
      this.readableFlowing === true && this.readableLength === 0 && this.listenerCount("data") > 0
    );
  }

  #hand(chunk: Buffer): void {
    this.#owedBytes += chunk.length;
    this.#isWanted = this.push(chunk);
    if (this.#isWanted) this.#payBack();
  }

  #payBack(): void {
    if (this.#owedBytes === 0) return;
    const bytes = this.#owedBytes;
    this.#owedBytes = 0;
    this.#exchange.consume(bytes);
  }

  /** Does nothing when it was broken off for another reason before. */
  readonly #abort = ({ code, message }: ProxyError): void => {
    this.#exchange.abort(code, message);
  };
}

function viewOf({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}

const NOT_NEEDED = new ProxyError("cancelled", "The tunnel is no longer needed");
