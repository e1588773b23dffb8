/**
 * Reads the frames of messages that arrive whole or in pieces.
 *
 * DATA is passed on piece by piece, as it comes: nothing is put together that is going to be written on anyway.
 * Any other frame is passed on whole; one that arrives in pieces is collected first, at most MAX_CONTROL_BYTES.
 */
import {
  FRAME,
  HEADER_BYTES,
  LAST_DATA,
  ProtocolViolation,
  checkFrame,
  readUint32,
} from "./frame.ts";

const NOTHING = new Uint8Array(0);

/** Takes what frames say, in their order. Bytes are views into what arrived, and valid during the call only. */
export interface FrameSink {
  /** A piece of a DATA frame; `ended` with the last piece of one that ends its direction. */
  onData(streamId: number, piece: Uint8Array, ended: boolean): void;
  /** Any other frame, whole. */
  onControl(type: number, streamId: number, payload: Uint8Array): void;
}

/** Takes the messages of one link, in any cut, and gives their frames to a sink in order. */
export class FrameReader {
  readonly #sink: FrameSink;
  readonly #header = new Uint8Array(HEADER_BYTES);
  #headerBytes = 0;
  #type = 0;
  #streamId = 0;
  /** Payload of the current frame still to come. */
  #leftBytes = 0;
  /** A control frame that arrives in pieces. */
  #collected: Uint8Array = NOTHING;
  #insideFrame = false;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /**
   * Takes a message, or the next piece of one; `isLast` with its end.
   * @throws {ProtocolViolation} when the message is no sequence of whole, known, bounded frames
   */
  push(piece: Uint8Array, isLast: boolean): void {
    let offset = 0;
    while (offset < piece.length) {
      offset = this.#insideFrame
        ? this.#readPayload(piece, offset)
        : this.#readHeader(piece, offset);
    }
    if (isLast && (this.#insideFrame || this.#headerBytes > 0)) {
      throw new ProtocolViolation("A message ends inside a frame");
    }
  }

  #readHeader(piece: Uint8Array, start: number): number {
    if (this.#headerBytes === 0 && piece.length - start >= HEADER_BYTES) {
      this.#begin(piece, start);
      return start + HEADER_BYTES;
    }
    const end = Math.min(piece.length, start + HEADER_BYTES - this.#headerBytes);
    this.#header.set(piece.subarray(start, end), this.#headerBytes);
    this.#headerBytes += end - start;
    if (this.#headerBytes === HEADER_BYTES) {
      this.#headerBytes = 0;
      this.#begin(this.#header, 0);
    }
    return end;
  }

  #begin(header: Uint8Array, offset: number): void {
    const type = header[offset] ?? 0;
    const bytes = readUint32(header, offset) & 0xff_ffff;
    checkFrame(type, bytes);
    this.#type = type;
    this.#streamId = readUint32(header, offset + 4);
    this.#leftBytes = bytes;
    this.#insideFrame = bytes > 0;
    if (bytes === 0) this.#passOn(NOTHING);
  }

  #readPayload(piece: Uint8Array, start: number): number {
    const end = Math.min(piece.length, start + this.#leftBytes);
    const bytes = piece.subarray(start, end);
    const whole = this.#collected.length === 0 && bytes.length === this.#leftBytes;
    if (this.#isData || whole) {
      this.#leftBytes -= bytes.length;
      this.#insideFrame = this.#leftBytes > 0;
      this.#passOn(bytes);
    } else {
      this.#collect(bytes);
    }
    return end;
  }

  #collect(bytes: Uint8Array): void {
    if (this.#collected.length === 0) this.#collected = new Uint8Array(this.#leftBytes);
    this.#collected.set(bytes, this.#collected.length - this.#leftBytes);
    this.#leftBytes -= bytes.length;
    if (this.#leftBytes > 0) return;
    const payload = this.#collected;
    this.#collected = NOTHING;
    this.#insideFrame = false;
    this.#passOn(payload);
  }

  get #isData(): boolean {
    return this.#type === FRAME.data || this.#type === LAST_DATA;
  }

  #passOn(bytes: Uint8Array): void {
    if (!this.#isData) {
      this.#sink.onControl(this.#type, this.#streamId, bytes);
      return;
    }
    const ended = this.#type === LAST_DATA && this.#leftBytes === 0;
    this.#sink.onData(this.#streamId, bytes, ended);
  }
}
