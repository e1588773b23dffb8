/**
 * Memory that links are read into, over and over: a new buffer for each read would be collected by a major
 * collection for every 64 MB that pass, which costs more than all else that is done with the bytes.
 *
 * What was read is valid only while it is handed on. Who needs it longer keeps it:
 *
 *   acquire ──▶ read, hand on ──▶ release         a block is used again once nobody reads into it
 *                   │ keep ──▶ drop               and all that was kept of it has been dropped
 *
 * Small pieces are kept as copies, all in one block until that is full, so that a byte that waits for a slow reader does
 * not hold a block of its link.
 */

/** One read, which is what one TLS record holds at most. Bytes. */
export const PLACE_BYTES = 16 * 1024;

/** What a sender hands to its socket at once (256 KiB and the headers) arrives in one block, and is read as one. Bytes. */
export const BLOCK_BYTES = 17 * PLACE_BYTES;

/** Blocks in use at most; beyond, what is kept is copied: bounds what slow readers can hold to 64 MiB. */
const MAX_BLOCKS = 240;

/** Blocks that wait to be used again at most; more are given back to the system. */
const MAX_SPARE_BLOCKS = 16;

/** Smaller pieces are copied when kept: they are not to hold a block. Bytes. */
const MIN_KEPT_BYTES = 8 * 1024;

/** One block, filled from the front. */
export interface ReadBlock {
  readonly bytes: Buffer;
  /** Its memory in pieces of `PLACE_BYTES`. */
  readonly places: readonly Buffer[];
  /** What has been read into it. Bytes. */
  usedBytes: number;
}

/** A block and who needs it. */
interface Block extends ReadBlock {
  /** Still read into. */
  isFilling: boolean;
  /** Pieces kept and not dropped. */
  kept: number;
}

/** Where the memory of a block keeps that; a `Map` would be asked more dearly. */
const BLOCK = Symbol("block");

interface BlockMemory extends ArrayBuffer {
  [BLOCK]?: Block;
}

/** A bounded stock of blocks, and who still needs what of them. */
export class ReadBlocks {
  readonly #spare: Block[] = [];
  #lent = 0;
  readonly #maxBlocks: number;
  /** Where small pieces are copied to. */
  #copies: Block | undefined;

  constructor(maxBlocks: number = MAX_BLOCKS) {
    this.#maxBlocks = maxBlocks;
  }

  /** Blocks that are read into or held. */
  get lent(): number {
    return this.#copies?.kept === 0 ? this.#lent - 1 : this.#lent;
  }

  /** An empty block to read into; `undefined` when too many are in use. */
  acquire(): ReadBlock | undefined {
    return this.#lend();
  }

  /** Nothing more is read into the block. */
  release({ bytes }: ReadBlock): void {
    const block = blockOf(bytes);
    if (block?.isFilling !== true) return;
    block.isFilling = false;
    this.#takeBack(block);
  }

  /** The piece for as long as it is needed: itself, until it is dropped, or a copy. */
  keep(piece: Uint8Array): Uint8Array {
    if (piece.length < MIN_KEPT_BYTES) return this.#copy(piece);
    const block = blockOf(piece);
    if (block === undefined) return Buffer.from(piece);
    block.kept++;
    return piece;
  }

  /** What `keep` gave is not needed any more; once for each `keep`. */
  drop(kept: Uint8Array): void {
    const block = blockOf(kept);
    if (block === undefined || block.kept === 0) return;
    block.kept--;
    this.#takeBack(block);
  }

  #lend(): Block | undefined {
    if (this.#lent >= this.#maxBlocks) return undefined;
    this.#lent++;
    const block = this.#spare.pop() ?? createBlock();
    block.usedBytes = 0;
    block.isFilling = true;
    return block;
  }

  #copy(piece: Uint8Array): Uint8Array {
    const block = this.#placeForCopy(piece.length);
    if (block === undefined) return Buffer.from(piece);
    const start = block.usedBytes;
    block.bytes.set(piece, start);
    block.usedBytes += piece.length;
    block.kept++;
    return block.bytes.subarray(start, block.usedBytes);
  }

  #placeForCopy(bytes: number): Block | undefined {
    const copies = this.#copies;
    if (copies !== undefined) {
      // Nobody needs what was copied before.
      if (copies.kept === 0) copies.usedBytes = 0;
      if (copies.usedBytes + bytes <= BLOCK_BYTES) return copies;
      this.release(copies);
    }
    this.#copies = this.#lend();
    return this.#copies;
  }

  #takeBack(block: Block): void {
    if (block.isFilling || block.kept > 0) return;
    this.#lent--;
    if (this.#spare.length < MAX_SPARE_BLOCKS) this.#spare.push(block);
  }
}

function blockOf({ buffer }: Uint8Array): Block | undefined {
  return (buffer as BlockMemory)[BLOCK];
}

function createBlock(): Block {
  const bytes = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  const places: Buffer[] = [];
  for (let start = 0; start < BLOCK_BYTES; start += PLACE_BYTES) {
    places.push(bytes.subarray(start, start + PLACE_BYTES));
  }
  const block = { bytes, places, usedBytes: 0, isFilling: false, kept: 0 };
  const memory: BlockMemory = bytes.buffer;
  memory[BLOCK] = block;
  return block;
}

/** The blocks of all links of this process. */
export const readBlocks = new ReadBlocks();
