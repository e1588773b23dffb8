/**
 * Reads the socket of a link without a new buffer for each read. A link that is quiet reads into a place that
 * all quiet links share; one that has just read much has a block of its own, until it is quiet again.
 *
 * A large write of the peer comes as a row of full TLS records, each a read of its own. They are read one behind the
 * other and handed on together: at the first that is not full, or at the end of the turn.
 */
import type { Socket } from "node:net";
import { type InnerReads, readInto } from "./inner-reads.ts";
import { PLACE_BYTES, readBlocks, type ReadBlock } from "./read-blocks.ts";

/** A link that reads at least this much at once is busy. Bytes. */
const BUSY_BYTES = 4 * 1024;

/** A busy link is quiet again after so many smaller reads in a row: large frames end in a small record. */
const QUIET_READS = 4;

/** Where quiet links read: the bytes are handed on before anything else can be read. */
const sharedPlace = Buffer.allocUnsafeSlow(PLACE_BYTES);

/**
 * Hands on what `socket` reads from now on. A chunk is valid during the call only; `readBlocks.keep` is how to
 * have it longer. A socket that cannot be told where to read is read as ever.
 */
export function readLink(socket: Socket, onChunk: (chunk: Buffer) => void): void {
  // What others have put back, and every chunk where nothing else can be done.
  socket.on("data", onChunk);
  const reads = new LinkReads(onChunk);
  if (readInto(socket, reads)) socket.once("close", () => reads.close());
}

class LinkReads implements InnerReads {
  readonly #onChunk: (chunk: Buffer) => void;
  #block: ReadBlock | undefined;
  /** The place of the block that is read into next, and what stands before it and has been handed on. */
  #place = 0;
  #handedBytes = 0;
  #willHandOn = false;
  #smallReads = 0;
  #closed = false;

  constructor(onChunk: (chunk: Buffer) => void) {
    this.#onChunk = onChunk;
  }

  /** Called by Node when `bytes` have been read into the place that `buffer` gave. */
  readonly callback = (bytes: number): boolean => {
    const block = this.#block;
    if (block === undefined) this.#onChunk(sharedPlace.subarray(0, bytes));
    else {
      this.#place++;
      block.usedBytes += bytes;
      if (bytes === PLACE_BYTES && this.#place < block.places.length) this.#handOnSoon();
      else this.#handOn(block);
    }
    this.#smallReads = bytes < BUSY_BYTES ? this.#smallReads + 1 : 0;
    if (this.#closed || this.#smallReads >= QUIET_READS) this.#giveUpBlock();
    else if (this.#block !== undefined || this.#smallReads === 0) this.#makeRoom();
    return true;
  };

  /** Where the next read goes. */
  readonly buffer = (): Uint8Array => {
    return this.#block?.places[this.#place] ?? sharedPlace;
  };

  close(): void {
    this.#closed = true;
    this.#giveUpBlock();
  }

  #handOnSoon(): void {
    if (this.#willHandOn) return;
    this.#willHandOn = true;
    setImmediate(this.#handOnNow);
  }

  readonly #handOnNow = (): void => {
    this.#willHandOn = false;
    if (this.#block !== undefined) this.#handOn(this.#block);
  };

  #handOn(block: ReadBlock): void {
    const { usedBytes } = block;
    const start = this.#handedBytes;
    if (start === usedBytes) return;
    block.usedBytes = this.#place * PLACE_BYTES;
    this.#handedBytes = block.usedBytes;
    this.#onChunk(block.bytes.subarray(start, usedBytes));
  }

  #makeRoom(): void {
    if (this.#block !== undefined && this.#place < this.#block.places.length) return;
    this.#giveUpBlock();
    this.#block = readBlocks.acquire();
    this.#place = 0;
    this.#handedBytes = 0;
  }

  /** Everything in it has been handed on: the turn of the last read has ended before its socket closes. */
  #giveUpBlock(): void {
    if (this.#block !== undefined) readBlocks.release(this.#block);
    this.#block = undefined;
  }
}
