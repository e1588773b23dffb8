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

/** Reads from this size on give their buffer away. Bytes. */
const GIVE_AWAY_BYTES = 8 * 1024;

/** Buffers of each size that wait to be used again at most: 4 MiB, 1 MiB. More are collected as garbage. */
const MAX_SPARE_LARGE = 64;
const MAX_SPARE_FIRST = 256;

const spareLarge: Buffer[] = [];
const spareFirst: Buffer[] = [];

/** Buffer given away → where what was read into it ends. */
const givenAway = new WeakMap<ArrayBufferLike, number>();

/**
 * A carrier has written this, and nobody looks at it any more. What stands before it in its buffer has been written
 * earlier: a stream is sent in order.
 */
export function returnRead(written: Uint8Array): void {
  const { buffer, byteOffset, length } = written;
  if (givenAway.get(buffer) !== byteOffset + length) return;
  givenAway.delete(buffer);
  if (spareLarge.length < MAX_SPARE_LARGE) spareLarge.push(Buffer.from(buffer));
}

/** Takes a chunk that has `roomBytes` free bytes in front of it; `false` stops the reading until `resume`. */
export type RoomyListener = (chunk: Uint8Array, roomBytes: number) => boolean;

/** The reads of one socket: 4 KiB at first, 64 KiB once a read has filled that; large ones come with room in front. */
export class RoomyReads {
  #buffer: Buffer | undefined;
  /** What of it is read into. */
  #view: Uint8Array | undefined;
  #readBytes = FIRST_READ_BYTES;
  #listener: RoomyListener | undefined;

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
    const buffer = this.#buffer;
    this.#buffer = undefined;
    this.#view = undefined;
    this.#listener = undefined;
    if (buffer?.length !== ROOM_BYTES + FIRST_READ_BYTES) return;
    if (spareFirst.length < MAX_SPARE_FIRST) spareFirst.push(buffer);
  }

  #next(): Uint8Array {
    const isFirst = this.#readBytes === FIRST_READ_BYTES;
    this.#buffer ??= (isFirst ? spareFirst : spareLarge).pop();
    this.#buffer ??= Buffer.allocUnsafeSlow(ROOM_BYTES + this.#readBytes);
    if (this.#view?.buffer !== this.#buffer.buffer) this.#view = this.#buffer.subarray(ROOM_BYTES);
    return this.#view;
  }

  #onRead(bytes: number): boolean {
    const buffer = this.#buffer;
    if (buffer === undefined || this.#listener === undefined) return false;
    if (bytes >= GIVE_AWAY_BYTES) {
      this.#buffer = undefined;
      givenAway.set(buffer.buffer, ROOM_BYTES + bytes);
      return this.#listener(buffer.subarray(ROOM_BYTES, ROOM_BYTES + bytes), ROOM_BYTES);
    }
    const copy = Buffer.allocUnsafe(bytes);
    buffer.copy(copy, 0, ROOM_BYTES, ROOM_BYTES + bytes);
    if (bytes === FIRST_READ_BYTES && this.#readBytes === FIRST_READ_BYTES) this.#grow();
    return this.#listener(copy, 0);
  }

  #grow(): void {
    this.#readBytes = READ_BYTES;
    this.#buffer = undefined;
  }
}
