/**
 * Reads of a socket into buffers with room in front, so that what was read can be framed and sent on without
 * being copied. Large reads give their buffer away and the next one gets another; small reads are copied out,
 * and the buffer is used again. A buffer that was given away comes back by `returnRead` when the carrier has
 * written its last byte; one that never comes back (its stream was aborted) is collected as garbage.
 */
import type { OnReadOpts } from "node:net";

/** Room in front of every chunk: a mux header of 8 bytes and a WebSocket header of at most 14. Bytes. */
const ROOM_BYTES = 24;

/** First buffer of a socket: enough for small answers, cheap to make. Bytes. */
const FIRST_READ_BYTES = 4 * 1024;

/** Largest read, once a read has filled the first buffer: with the headers in front, four full TLS records. Bytes. */
const READ_BYTES = 64 * 1024 - ROOM_BYTES;

/** … and of a TLS socket, which gives one record at a time at most. Bytes. Source: RFC 8446 §5.1. */
const RECORD_BYTES = 16 * 1024;

/** Reads from this size on give their buffer away. Bytes. */
const GIVE_AWAY_BYTES = 8 * 1024;

/** Buffers of one size, and those of them that wait to be used again. */
interface Stock {
  /** What one holds without its room. Bytes. */
  readonly readBytes: number;
  /** More are collected as garbage. */
  readonly maxSpare: number;
  readonly spare: Place[];
}

/** 1 MiB, 4 MiB and 4 MiB wait at most. */
const FIRST: Stock = { readBytes: FIRST_READ_BYTES, maxSpare: 256, spare: [] };
const LARGE: Stock = { readBytes: READ_BYTES, maxSpare: 64, spare: [] };
const RECORDS: Stock = { readBytes: RECORD_BYTES, maxSpare: 256, spare: [] };

/** Where a socket is read into. */
interface Place {
  readonly stock: Stock;
  readonly buffer: Buffer;
  /** The buffer without its room. */
  readonly view: Buffer;
  /** Where what was read into it ends, while it is given away; else 0. */
  endBytes: number;
}

/** Where the memory of a place keeps that; a `WeakMap` would be asked more dearly. */
const PLACE = Symbol("place");

interface PlaceMemory extends ArrayBuffer {
  [PLACE]?: Place;
}

function takePlace(stock: Stock): Place {
  const spare = stock.spare.pop();
  if (spare !== undefined) return spare;
  const buffer = Buffer.allocUnsafeSlow(ROOM_BYTES + stock.readBytes);
  const place = { stock, buffer, view: buffer.subarray(ROOM_BYTES), endBytes: 0 };
  const memory: PlaceMemory = buffer.buffer;
  memory[PLACE] = place;
  return place;
}

function putBack(place: Place): void {
  const { spare, maxSpare } = place.stock;
  if (spare.length < maxSpare) spare.push(place);
}

/**
 * A carrier has written this, and nobody looks at it any more. What stands before it in its buffer has been written
 * earlier: a stream is sent in order.
 */
export function returnRead({ buffer, byteOffset, length }: Uint8Array): void {
  const place = (buffer as PlaceMemory)[PLACE];
  if (place?.endBytes !== byteOffset + length) return;
  place.endBytes = 0;
  putBack(place);
}

/** Free bytes in front of a chunk that somebody was given as part of a stream: all of a large read, or none. */
export function roomInFront({ buffer, byteOffset }: Uint8Array): number {
  const isWholeRead = (buffer as PlaceMemory)[PLACE] !== undefined && byteOffset === ROOM_BYTES;
  return isWholeRead ? ROOM_BYTES : 0;
}

/** Takes a chunk that has `roomBytes` free bytes in front of it; `false` stops the reading until `resume`. */
export type RoomyListener = (chunk: Uint8Array, roomBytes: number) => boolean;

/**
 * The reads of one socket: 4 KiB at first, 64 KiB, or a TLS record, once a read has filled that; large ones come with room in
 * front.
 */
export class RoomyReads {
  #place: Place | undefined;
  #stock = FIRST;
  readonly #largeStock: Stock;
  #listener: RoomyListener | undefined;

  constructor({ isTls = false }: { readonly isTls?: boolean } = {}) {
    this.#largeStock = isTls ? RECORDS : LARGE;
  }

  /** For the `onread` of `net.connect`: has to be given when the socket is made. */
  readonly options = {
    buffer: (): Uint8Array => this.#next(),
    callback: (bytes: number): boolean => this.#onRead(bytes),
  } satisfies OnReadOpts;

  /** Hears what is read from now on; the socket must be paused until then. */
  set listener(listener: RoomyListener) {
    this.#listener = listener;
  }

  /** Nothing is read any more: the socket is closed. Idempotent. */
  close(): void {
    const place = this.#place;
    this.#place = undefined;
    this.#listener = undefined;
    if (place !== undefined) putBack(place);
  }

  #next(): Uint8Array {
    this.#place ??= takePlace(this.#stock);
    return this.#place.view;
  }

  #onRead(bytes: number): boolean {
    const place = this.#place;
    if (place === undefined || this.#listener === undefined) return false;
    const { view } = place;
    if (bytes >= GIVE_AWAY_BYTES) {
      this.#place = undefined;
      place.endBytes = ROOM_BYTES + bytes;
      return this.#listener(view.subarray(0, bytes), ROOM_BYTES);
    }
    const copy = Buffer.allocUnsafe(bytes);
    view.copy(copy, 0, 0, bytes);
    if (bytes === FIRST_READ_BYTES && this.#stock === FIRST) this.#grow();
    return this.#listener(copy, 0);
  }

  #grow(): void {
    this.#stock = this.#largeStock;
    this.#place = undefined;
  }
}
