/**
 * Reads the socket of a link without a new buffer for each read. A link that is quiet reads into a place that
 * all quiet links share; one that has just read much has a block of its own, until it is quiet again.
 */
import type { Socket } from "node:net";
import { BLOCK_BYTES, readBlocks, type ReadBlock } from "./read-blocks.ts";

/** Most bytes of one read: what one TLS record holds. Bytes. */
const PLACE_BYTES = 16 * 1024;

/** A link that reads at least this much at once is busy. Bytes. */
const BUSY_BYTES = 4 * 1024;

/** A busy link is quiet again after so many smaller reads in a row: large frames end in a small record. */
const QUIET_READS = 4;

/** Where quiet links read: the bytes are handed on before anything else can be read. */
const sharedPlace = Buffer.allocUnsafeSlow(PLACE_BYTES);

/**
 * Hands on what `socket` reads from now on. A chunk is valid during the call only; `readBlocks.keep` is how to
 * have it longer. Node takes a buffer to read into (`onread`) for sockets that it opens itself; this one is open and
 * has been read by others, so that it is told through its inner fields. Where they are not as expected, the
 * socket is read as ever.
 */
export function readLink(socket: Socket, onChunk: (chunk: Buffer) => void): void {
  // What others have put back, and every chunk where the fields are missing.
  socket.on("data", onChunk);
  const fields = innerFields(socket);
  if (fields === undefined) return;
  const reads = new LinkReads(onChunk);
  Reflect.set(socket, fields.next, reads.next);
  Reflect.set(socket, fields.callback, reads.onRead);
  Reflect.set(socket, fields.buffer, sharedPlace);
  fields.handle.useUserBuffer(sharedPlace);
  socket.once("close", () => reads.close());
}

class LinkReads {
  readonly #onChunk: (chunk: Buffer) => void;
  #block: ReadBlock | undefined;
  #smallReads = 0;
  #closed = false;

  constructor(onChunk: (chunk: Buffer) => void) {
    this.#onChunk = onChunk;
  }

  /** Called by Node when `bytes` have been read into the place that `next` gave. */
  readonly onRead = (bytes: number): boolean => {
    const block = this.#block;
    if (block === undefined) {
      this.#onChunk(sharedPlace.subarray(0, bytes));
    } else {
      const start = block.usedBytes;
      block.usedBytes += bytes;
      this.#onChunk(block.bytes.subarray(start, block.usedBytes));
    }
    this.#smallReads = bytes < BUSY_BYTES ? this.#smallReads + 1 : 0;
    if (this.#closed || this.#smallReads >= QUIET_READS) this.#giveUpBlock();
    else if (this.#block !== undefined || this.#smallReads === 0) this.#makeRoom();
    return true;
  };

  /** Where the next read goes. */
  readonly next = (): Uint8Array => {
    const block = this.#block;
    return block === undefined
      ? sharedPlace
      : block.bytes.subarray(block.usedBytes, block.usedBytes + PLACE_BYTES);
  };

  close(): void {
    this.#closed = true;
    this.#giveUpBlock();
  }

  #makeRoom(): void {
    if (this.#block !== undefined && this.#block.usedBytes + PLACE_BYTES <= BLOCK_BYTES) return;
    this.#giveUpBlock();
    this.#block = readBlocks.acquire();
  }

  #giveUpBlock(): void {
    if (this.#block !== undefined) readBlocks.release(this.#block);
    this.#block = undefined;
  }
}

interface InnerFields {
  readonly handle: { useUserBuffer(buffer: Uint8Array): void };
  readonly buffer: symbol;
  readonly next: symbol;
  readonly callback: symbol;
}

/** Source: lib/net.js and lib/internal/stream_base_commons.js of Node, `onread`. */
function innerFields(socket: Socket): InnerFields | undefined {
  const handle: unknown = Reflect.get(socket, "_handle");
  const symbols = Object.getOwnPropertySymbols(socket);
  const [buffer, next, callback] = ["kBuffer", "kBufferGen", "kBufferCb"].map((name) =>
    symbols.find(({ description }) => description === name),
  );
  const isKnown = buffer !== undefined && next !== undefined && callback !== undefined;
  return isKnown && takesBuffers(handle) ? { handle, buffer, next, callback } : undefined;
}

function takesBuffers(handle: unknown): handle is InnerFields["handle"] {
  return (
    typeof handle === "object" &&
    handle !== null &&
    "useUserBuffer" in handle &&
    typeof handle.useUserBuffer === "function"
  );
}
