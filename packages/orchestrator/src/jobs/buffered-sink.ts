/** Collects a job's answer for the door that sends it as one JSON document. */
import type { JobSink, Serving } from "./job.ts";

/** From this many pieces on, small ones are copied together: a body sent byte by byte must not cost 100 times its size. */
const MAX_LOOSE_PIECES = 64;

/** What counts as small, and what small pieces are collected in. Bytes. */
const SMALL_PIECE_BYTES = 4 * 1024;
const COLLECTED_BYTES = 64 * 1024;

/** A sink that is never committed, so that a job may be tried again until its last byte. */
export class BufferedSink implements JobSink {
  readonly committed = false;
  serving: Serving | undefined;
  /** More than `maxBytes` came; the rest was dropped. */
  truncated = false;
  readonly #maxBytes: number;
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #collecting: Buffer | undefined;
  /** Filled part of `#collecting`. */
  #collectedBytes = 0;

  /** `maxBytes` bounds the memory; the job's own `maxResponseBytes` is judged by the dispatcher. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  begin(serving: Serving): void {
    this.serving = serving;
  }

  data(chunk: Uint8Array, consume: (bytes: number) => void): void {
    const roomBytes = this.#maxBytes - this.#bytes;
    if (chunk.length > roomBytes) this.truncated = true;
    this.#keep(chunk.length > roomBytes ? chunk.subarray(0, roomBytes) : chunk);
    consume(chunk.length);
  }

  reset(): void {
    this.serving = undefined;
    this.truncated = false;
    this.#pieces = [];
    this.#bytes = 0;
    this.#collecting = undefined;
    this.#collectedBytes = 0;
  }

  /** Buffers held at this moment. */
  get pieces(): number {
    return this.#pieces.length + (this.#collecting === undefined ? 0 : 1);
  }

  /** The body so far, in one piece. */
  body(): Buffer {
    const pieces = [...this.#pieces];
    if (this.#collecting !== undefined) {
      pieces.push(this.#collecting.subarray(0, this.#collectedBytes));
    }
    const [only] = pieces;
    if (only === undefined || pieces.length > 1) return Buffer.concat(pieces, this.#bytes);
    return Buffer.from(only.buffer, only.byteOffset, only.length);
  }

  #keep(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#bytes += piece.length;
    const fits = this.#collectedBytes + piece.length <= COLLECTED_BYTES;
    if (this.#collecting !== undefined && fits) return this.#collect(this.#collecting, piece);
    this.#seal();
    if (piece.length >= SMALL_PIECE_BYTES || this.#pieces.length < MAX_LOOSE_PIECES) {
      this.#pieces.push(Buffer.from(piece));
      return;
    }
    this.#collecting = Buffer.allocUnsafeSlow(COLLECTED_BYTES);
    this.#collect(this.#collecting, piece);
  }

  #collect(collecting: Buffer, piece: Uint8Array): void {
    collecting.set(piece, this.#collectedBytes);
    this.#collectedBytes += piece.length;
  }

  /** Closes the collection, so that what comes next stays behind it. */
  #seal(): void {
    if (this.#collecting === undefined) return;
    this.#pieces.push(this.#collecting.subarray(0, this.#collectedBytes));
    this.#collecting = undefined;
    this.#collectedBytes = 0;
  }
}
