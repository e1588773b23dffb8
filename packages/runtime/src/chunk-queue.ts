import { readBlocks } from "./read-blocks.ts";

/** Chunks up to this are copied together. Bytes. */
const SMALL_BYTES = 2 * 1024;

/** Room that small chunks are copied into. Bytes. */
const BLOCK_BYTES = 16 * 1024;

/**
 * Chunks that wait for a slow reader, kept for as long as that takes. Small ones are copied into blocks, so that
 * what a million one-byte chunks hold is about their bytes and not their objects (faults G5).
 */
export class ChunkQueue {
  #chunks: Uint8Array[] = [];
  #block: Uint8Array | undefined;
  #blockUsedBytes = 0;
  #bytes = 0;

  /** Bytes waiting. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes a chunk that need be valid during this call only. */
  push(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    if (chunk.length > SMALL_BYTES) {
      this.#closeBlock();
      this.#chunks.push(readBlocks.keep(chunk));
      return;
    }
    if (this.#blockUsedBytes + chunk.length > BLOCK_BYTES) this.#closeBlock();
    this.#block ??= new Uint8Array(BLOCK_BYTES);
    this.#block.set(chunk, this.#blockUsedBytes);
    this.#blockUsedBytes += chunk.length;
  }

  /** Takes everything, in order; each chunk has to be dropped by `readBlocks.drop`. */
  takeAll(): readonly Uint8Array[] {
    this.#closeBlock();
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#bytes = 0;
    return chunks;
  }

  /** Drops everything. */
  clear(): void {
    for (const chunk of this.takeAll()) readBlocks.drop(chunk);
  }

  #closeBlock(): void {
    if (this.#block === undefined || this.#blockUsedBytes === 0) return;
    this.#chunks.push(this.#block.subarray(0, this.#blockUsedBytes));
    this.#block = undefined;
    this.#blockUsedBytes = 0;
  }
}
