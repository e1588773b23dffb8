/**
 * What waits to be sent on a link, and in which order it leaves.
 *
 * Control frames go first, in their order. Then the streams that have data and credit take turns, one DATA
 * frame each (round-robin), so that a bulk stream never holds up a small one. A message is filled up to
 * MESSAGE_TARGET_BYTES; small payloads are copied together, large ones are handed on as they are.
 * Source: docs/protocol.md §7.
 */
import { Arena } from "./arena.ts";
import { MAX_DATA_BYTES } from "./limits.ts";
import { FRAME, HEADER_BYTES, LAST_DATA, writeHeader } from "./frame.ts";
import type { OutgoingMessage } from "./transport.ts";

/**
 * A message is not filled further once it holds this much. One more DATA frame and its stream's TRAILERS may exceed
 * it: 62 + 64 + 128 KiB and their headers stay below MAX_MESSAGE_BYTES. Bytes.
 */
const MESSAGE_TARGET_BYTES = 62 * 1024;

/** Payloads up to this are copied into the message, larger ones become a part of their own. Bytes. */
const COPY_BYTES = 8 * 1024;

/** Room left in front of a message for the carrier's header. Bytes. */
const CARRIER_ROOM_BYTES = 16;

/** What a small frame costs in memory beside its bytes, about. Bytes. */
const FRAME_COST_BYTES = 256;

/** Longest part that is put together from headers and small payloads, with the room in front. Bytes. */
const ARENA_BYTES = 64 * 1024;

/** Shared by all links: a message is put together in one go. */
const arena = new Arena(ARENA_BYTES);

/** The sending half of a stream, as the outbox sees it. */
export interface Source {
  readonly id: number;
  /** Whether a DATA or TRAILERS frame could leave now. */
  readonly sendable: boolean;
  /** Takes at most `maxBytes` of queued data within the credit; may be empty when only the end is left. */
  take(maxBytes: number): Uint8Array;
  /** Free bytes in front of what was taken last. */
  readonly takenRoomBytes: number;
  /** Everything has been taken and an end was asked for: the frame just taken is the last. */
  readonly ending: boolean;
  /** The end has left; returns the TRAILERS frame that replaces the END flag, if there are trailers. */
  ended(): Uint8Array | undefined;
  /** Set while the source stands in the outbox's queue. */
  queued: boolean;
}

/** The frames and streams of one link that wait; bounded by credit for data, and by its user for control frames. */
export class Outbox {
  #control: Uint8Array[] = [];
  #controlBytes = 0;
  /** Streams taking turns: read from `#turn`, appended at the end, compacted when read through. */
  #sources: Source[] = [];
  #turn = 0;

  get isEmpty(): boolean {
    return this.#control.length === 0 && this.#turn === this.#sources.length;
  }

  /** Memory that waiting control frames take, about. */
  get controlBytes(): number {
    return this.#controlBytes + FRAME_COST_BYTES * this.#control.length;
  }

  pushControl(frame: Uint8Array): void {
    this.#controlBytes += frame.length;
    this.#control.push(frame);
  }

  /** The source has become sendable. */
  enqueue(source: Source): void {
    if (source.queued) return;
    source.queued = true;
    this.#sources.push(source);
  }

  clear(): void {
    this.#control = [];
    this.#controlBytes = 0;
    this.#sources = [];
    this.#turn = 0;
  }

  /** The next message, `undefined` when nothing is to be sent. */
  take(): OutgoingMessage | undefined {
    if (this.isEmpty) return undefined;
    const message = new MessageBuilder();
    this.#takeControl(message);
    this.#takeData(message);
    // Streams that were ended since they took their place in the queue leave nothing behind.
    return message.totalBytes === 0 ? undefined : message.build();
  }

  #takeControl(message: MessageBuilder): void {
    const frames = this.#control;
    let taken = 0;
    for (const frame of frames) {
      if (taken > 0 && message.totalBytes + frame.length > MESSAGE_TARGET_BYTES) break;
      message.append(frame);
      this.#controlBytes -= frame.length;
      taken++;
    }
    if (taken === frames.length) frames.length = 0;
    else frames.splice(0, taken);
  }

  #takeData(message: MessageBuilder): void {
    if (this.#control.length > 0) return;
    while (this.#turn < this.#sources.length && message.totalBytes < MESSAGE_TARGET_BYTES) {
      const source = this.#sources[this.#turn++];
      if (source === undefined) break;
      source.queued = false;
      if (source.sendable) takeFrame(source, message);
      if (source.sendable) this.enqueue(source);
    }
    this.#compact();
  }

  #compact(): void {
    if (this.#turn === this.#sources.length) {
      this.#sources.length = 0;
      this.#turn = 0;
    } else if (this.#turn > 64 && this.#turn * 2 > this.#sources.length) {
      this.#sources.splice(0, this.#turn);
      this.#turn = 0;
    }
  }
}

function takeFrame(source: Source, message: MessageBuilder): void {
  const payload = source.take(MAX_DATA_BYTES);
  const last = source.ending;
  const trailers = last ? source.ended() : undefined;
  const type = last && trailers === undefined ? LAST_DATA : FRAME.data;
  if (payload.length > 0 || trailers === undefined) {
    const header = { type, bytes: payload.length, streamId: source.id };
    message.appendData(header, payload, source.takenRoomBytes);
  }
  if (trailers !== undefined) message.append(trailers);
}

interface FrameHeader {
  readonly type: number;
  readonly bytes: number;
  readonly streamId: number;
}

/** Puts one message together in the arena. */
class MessageBuilder {
  readonly #parts: Uint8Array[] = [];
  /** Where the part that is being filled begins in the arena, and where it ends so far. */
  #startBytes = 0;
  #endBytes = 0;
  #roomBytes = 0;
  totalBytes = 0;

  append(frame: Uint8Array): void {
    this.totalBytes += frame.length;
    this.#put(frame);
  }

  appendData(header: FrameHeader, payload: Uint8Array, roomBytes: number): void {
    const isFirst = this.totalBytes === 0;
    this.totalBytes += HEADER_BYTES + payload.length;
    if (isFirst && roomBytes >= HEADER_BYTES && payload.length > COPY_BYTES) {
      this.#parts.push(frameInPlace(header, payload));
      this.#roomBytes = roomBytes - HEADER_BYTES;
      return;
    }
    const place = this.#reserve(HEADER_BYTES);
    writeHeader(arena.memory, place, header);
    this.#put(payload);
  }

  build(): OutgoingMessage {
    this.#cut();
    return { parts: this.#parts, totalBytes: this.totalBytes, roomBytes: this.#roomBytes };
  }

  #put(bytes: Uint8Array): void {
    if (bytes.length <= COPY_BYTES) {
      const place = this.#reserve(bytes.length);
      arena.memory.set(bytes, place);
      return;
    }
    this.#cut();
    this.#parts.push(bytes);
  }

  /** Makes the part longer; gives where in the arena that is. */
  #reserve(bytes: number): number {
    if (this.#endBytes + bytes > ARENA_BYTES) this.#cut();
    if (this.#endBytes === 0) this.#begin(bytes);
    const place = this.#endBytes;
    this.#endBytes += bytes;
    return place;
  }

  /** The first part keeps the carrier's room in front. */
  #begin(bytes: number): void {
    const freeBytes = this.#parts.length === 0 ? CARRIER_ROOM_BYTES : 0;
    arena.reserve(freeBytes + bytes);
    if (this.#parts.length === 0) this.#roomBytes = freeBytes;
    this.#startBytes = arena.usedBytes + freeBytes;
    this.#endBytes = this.#startBytes;
  }

  #cut(): void {
    if (this.#endBytes === 0) return;
    this.#parts.push(arena.memory.subarray(this.#startBytes, this.#endBytes));
    arena.usedBytes = this.#endBytes;
    this.#endBytes = 0;
  }
}

/** The frame whose header is written into the room in front of its payload. */
function frameInPlace(header: FrameHeader, payload: Uint8Array): Uint8Array {
  const start = payload.byteOffset - HEADER_BYTES;
  const frame = new Uint8Array(payload.buffer, start, HEADER_BYTES + payload.length);
  writeHeader(frame, 0, header);
  return frame;
}
