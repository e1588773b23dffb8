/** Chunks up to this are copied together once many wait. Bytes. */
const SMALL_BYTES = 1024;

/** With fewer chunks than this waiting, each stays as it came. */
const MANY_CHUNKS = 16;

/** Room that small chunks are copied into. Bytes. */
const BLOCK_BYTES = 16 * 1024;

const NOTHING = new Uint8Array(0);

/**
 * What a stream has still to send. Where many small chunks wait, they are copied together: a target that dribbles
 * single bytes into a slow link costs about their bytes, not an object and a frame for each (faults G5).
 */
export class SendQueue {
  #chunks: Uint8Array[] = [];
  /** Free bytes in front of each chunk. */
  #rooms: number[] = [];
  /** The last chunk, when it is one that small ones are copied into. */
  #block: Uint8Array | undefined;
  #blockUsedBytes = 0;
  #bytes = 0;
  #takenRoomBytes = 0;

  /** Bytes waiting. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Free bytes in front of what was taken last. */
  get takenRoomBytes(): number {
    return this.#takenRoomBytes;
  }

  /** @param roomBytes bytes in front of the chunk that may be overwritten */
  push(chunk: Uint8Array, roomBytes: number): void {
    this.#bytes += chunk.length;
    if (chunk.length <= SMALL_BYTES && this.#chunks.length >= MANY_CHUNKS) {
      this.#copyTogether(chunk);
      return;
    }
    this.#block = undefined;
    this.#chunks.push(chunk);
    this.#rooms.push(roomBytes);
  }

  /** Takes at most `maxBytes` of the first chunk; empty when nothing waits. */
  take(maxBytes: number): Uint8Array {
    const [chunk = NOTHING] = this.#chunks;
    const bytes = Math.min(maxBytes, chunk.length);
    this.#takenRoomBytes = this.#rooms[0] ?? 0;
    this.#bytes -= bytes;
    if (bytes < chunk.length) {
      this.#chunks[0] = chunk.subarray(bytes);
      // What stands in front of the rest is what was just taken.
      this.#rooms[0] = 0;
      return chunk.subarray(0, bytes);
    }
    this.#chunks.shift();
    this.#rooms.shift();
    return chunk;
  }

  clear(): void {
    this.#chunks = [];
    this.#rooms = [];
    this.#block = undefined;
    this.#bytes = 0;
  }

  /** As many chunks wait, the last one has not been touched yet. */
  #copyTogether(chunk: Uint8Array): void {
    if (this.#block === undefined || this.#blockUsedBytes + chunk.length > BLOCK_BYTES) {
      this.#block = new Uint8Array(BLOCK_BYTES);
      this.#blockUsedBytes = 0;
      this.#chunks.push(NOTHING);
      this.#rooms.push(0);
    }
    this.#block.set(chunk, this.#blockUsedBytes);
    this.#blockUsedBytes += chunk.length;
    this.#chunks[this.#chunks.length - 1] = this.#block.subarray(0, this.#blockUsedBytes);
  }
}
