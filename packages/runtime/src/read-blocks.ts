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

/**
 * 17 TLS records: what a sender hands to its socket at once (256 KiB and the headers) arrives in one block, and is read as
 * one. Bytes.
 */
export const BLOCK_BYTES = 17 * 16 * 1024;

/** Blocks in use at most; beyond, what is kept is copied: bounds what slow readers can hold to 64 MiB. */
const MAX_BLOCKS = 240;

/** Blocks that wait to be used again at most; more are given back to the system. */
const MAX_SPARE_BLOCKS = 16;

/** Smaller pieces are copied when kept: they are not to hold a block. Bytes. */
const MIN_KEPT_BYTES = 8 * 1024;

/** One block, filled from the front. */
export interface ReadBlock {
  readonly bytes: Buffer;
  /** What has been read into it. Bytes. */
  usedBytes: number;
}

interface Lent {
  readonly block: ReadBlock;
  /** Still read into. */
  isFilling: boolean;
  /** Pieces kept and not dropped. */
  kept: number;
}

/** A bounded stock of blocks, and who still needs what of them. */
export class ReadBlocks {
  readonly #spare: ReadBlock[] = [];
  readonly #lent = new Map<ArrayBufferLike, Lent>();
  readonly #maxBlocks: number;
  /** Where small pieces are copied to. */
  #copies: Lent | undefined;

  constructor(maxBlocks: number = MAX_BLOCKS) {
    this.#maxBlocks = maxBlocks;
  }

  /** Blocks that are read into or held. */
  get lent(): number {
    return this.#copies?.kept === 0 ? this.#lent.size - 1 : this.#lent.size;
  }

  /** An empty block to read into; `undefined` when too many are in use. */
  acquire(): ReadBlock | undefined {
    return this.#lend()?.block;
  }

  /** Nothing more is read into the block. */
  release(block: ReadBlock): void {
    const lent = this.#lent.get(block.bytes.buffer);
    if (lent === undefined) return;
    lent.isFilling = false;
    this.#takeBack(lent);
  }

  /** The piece for as long as it is needed: itself, until it is dropped, or a copy. */
  keep(piece: Uint8Array): Uint8Array {
    if (piece.length < MIN_KEPT_BYTES) return this.#copy(piece);
    const lent = this.#lent.get(piece.buffer);
    if (lent === undefined) return Buffer.from(piece);
    lent.kept++;
    return piece;
  }

  /** What `keep` gave is not needed any more; once for each `keep`. */
  drop(kept: Uint8Array): void {
    const lent = this.#lent.get(kept.buffer);
    if (lent === undefined) return;
    lent.kept--;
    this.#takeBack(lent);
  }

  #lend(): Lent | undefined {
    if (this.#lent.size >= this.#maxBlocks) return undefined;
    const block = this.#spare.pop() ?? { bytes: Buffer.allocUnsafeSlow(BLOCK_BYTES), usedBytes: 0 };
    block.usedBytes = 0;
    const lent = { block, isFilling: true, kept: 0 };
    this.#lent.set(block.bytes.buffer, lent);
    return lent;
  }

  #copy(piece: Uint8Array): Uint8Array {
    const lent = this.#placeForCopy(piece.length);
    if (lent === undefined) return Buffer.from(piece);
    const { block } = lent;
    const start = block.usedBytes;
    block.bytes.set(piece, start);
    block.usedBytes += piece.length;
    lent.kept++;
    return block.bytes.subarray(start, block.usedBytes);
  }

  #placeForCopy(bytes: number): Lent | undefined {
    const copies = this.#copies;
    if (copies !== undefined) {
      // Nobody needs what was copied before.
      if (copies.kept === 0) copies.block.usedBytes = 0;
      if (copies.block.usedBytes + bytes <= BLOCK_BYTES) return copies;
      this.release(copies.block);
    }
    this.#copies = this.#lend();
    return this.#copies;
  }

  #takeBack({ block, isFilling, kept }: Lent): void {
    if (isFilling || kept > 0) return;
    this.#lent.delete(block.bytes.buffer);
    if (this.#spare.length < MAX_SPARE_BLOCKS) this.#spare.push(block);
  }
}

/** The blocks of all links of this process. */
export const readBlocks = new ReadBlocks();
