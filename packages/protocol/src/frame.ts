/**
 * Frames: what carrier messages are made of. A message is a sequence of whole frames.
 *
 *   byte 0      type, with END (0x80) on the last DATA frame of a direction
 *   bytes 1–3   length of the payload, big-endian
 *   bytes 4–7   stream id, big-endian; 0 for frames about the link
 *
 * Source: docs/protocol.md §3.
 */
import { Arena } from "./arena.ts";
import { MAX_CONTROL_BYTES, MAX_DATA_BYTES } from "./limits.ts";

/** Frame types: the first byte of a header without END. Source: docs/protocol.md §3. */
export const FRAME = {
  data: 0x00,
  open: 0x01,
  head: 0x02,
  trailers: 0x03,
  abort: 0x04,
  credit: 0x05,
  hello: 0x10,
  welcome: 0x11,
  ping: 0x12,
  pong: 0x13,
  drain: 0x14,
  status: 0x15,
} as const;

/** Flag on a DATA frame: the sender's direction ends with it. No other frame may carry it. */
const END = 0x80;

/** Type of a DATA frame that ends its direction. */
export const LAST_DATA = FRAME.data | END;

/** Bytes in front of every payload. */
export const HEADER_BYTES = 8;

/** Payload of PING and PONG. Bytes. */
export const PING_BYTES = 8;

const KNOWN_TYPES: ReadonlySet<number> = new Set(Object.values(FRAME));

/** The peer broke the protocol; its link is closed with 4400 and this reason. */
export class ProtocolViolation extends Error {
  override readonly name = "ProtocolViolation";
}

/** Writes a frame header at `offset`. */
export function writeHeader(
  target: Uint8Array,
  offset: number,
  frame: { readonly type: number; readonly bytes: number; readonly streamId: number },
): void {
  const { type, bytes, streamId } = frame;
  target[offset] = type;
  target[offset + 1] = bytes >>> 16;
  target[offset + 2] = bytes >>> 8;
  target[offset + 3] = bytes;
  target[offset + 4] = streamId >>> 24;
  target[offset + 5] = streamId >>> 16;
  target[offset + 6] = streamId >>> 8;
  target[offset + 7] = streamId;
}

/** Reads a big-endian unsigned 32-bit number; the four bytes have to be there. */
export function readUint32(bytes: Uint8Array, offset: number): number {
  return (
    (((bytes[offset] ?? 0) << 24) |
      ((bytes[offset + 1] ?? 0) << 16) |
      ((bytes[offset + 2] ?? 0) << 8) |
      (bytes[offset + 3] ?? 0)) >>>
    0
  );
}

function writeUint32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 24;
  bytes[offset + 1] = value >>> 16;
  bytes[offset + 2] = value >>> 8;
  bytes[offset + 3] = value;
}

/** Judges a frame by its header. @throws {ProtocolViolation} when its type is unknown or it is too large */
export function checkFrame(type: number, bytes: number): void {
  if (type === FRAME.data || type === LAST_DATA) {
    if (bytes <= MAX_DATA_BYTES) return;
    throw new ProtocolViolation(`A DATA frame of ${bytes} bytes is too large`);
  }
  if (!KNOWN_TYPES.has(type)) throw new ProtocolViolation(`Frame type ${type} is unknown`);
  if (bytes > MAX_CONTROL_BYTES) {
    throw new ProtocolViolation(`A control frame of ${bytes} bytes is too large`);
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** UTF-8 of one UTF-16 unit takes this much at most. Bytes. */
const MAX_UNIT_BYTES = 3;

/** Frames that may be larger are made apart. Bytes. */
const ARENA_BYTES = 16 * 1024;

const arena = new Arena(ARENA_BYTES);

/** Where a large frame is made before it is copied into memory of its own. */
const largePlace = new Uint8Array(HEADER_BYTES + MAX_CONTROL_BYTES);

/**
 * A frame about `streamId` (0: the link) whose payload is `roomBytes` left free and then UTF-8 text.
 * @throws {RangeError} beyond MAX_CONTROL_BYTES
 */
function encodeTextFrame(type: number, streamId: number, body: TextBody): Uint8Array {
  const { text, roomBytes } = body;
  const textStart = HEADER_BYTES + roomBytes;
  const place = placeFor(textStart + text.length * MAX_UNIT_BYTES);
  const { read, written } = encoder.encodeInto(text, place.subarray(textStart));
  if (read < text.length) {
    throw new RangeError(`A control frame for ${text.length} characters is too large`);
  }
  const bytes = roomBytes + written;
  writeHeader(place, 0, { type, bytes, streamId });
  return takeFrame(place, HEADER_BYTES + bytes);
}

/** Where a frame of at most so many bytes is made, until `takeFrame`. */
function placeFor(maxBytes: number): Uint8Array {
  if (maxBytes > ARENA_BYTES) return largePlace;
  arena.reserve(maxBytes);
  return arena.memory.subarray(arena.usedBytes);
}

function takeFrame(place: Uint8Array, bytes: number): Uint8Array {
  if (place === largePlace) return place.slice(0, bytes);
  arena.usedBytes += bytes;
  return place.subarray(0, bytes);
}

interface TextBody {
  readonly roomBytes: number;
  readonly text: string;
}

/** A frame that carries a JSON value. @throws {RangeError} beyond MAX_CONTROL_BYTES */
export function encodeJsonFrame(type: number, streamId: number, value: unknown): Uint8Array {
  return encodeTextFrame(type, streamId, { roomBytes: 0, text: JSON.stringify(value) });
}

/**
 * An OPEN frame: the credit granted for the answer, then the JSON of what is asked.
 * @throws {RangeError} beyond MAX_CONTROL_BYTES
 */
export function encodeOpenFrame(streamId: number, windowBytes: number, value: unknown): Uint8Array {
  const text = JSON.stringify(value);
  const frame = encodeTextFrame(FRAME.open, streamId, { roomBytes: 4, text });
  writeUint32(frame, HEADER_BYTES, windowBytes);
  return frame;
}

/** Why a stream is aborted. */
export interface AbortPayload {
  /** Number of the error code. */
  readonly wire: number;
  /** Nothing of the request has left for a target. */
  readonly unsent: boolean;
  readonly reason: string;
}

/** Flag in front of an ABORT's number: nothing of the request has left for a target. */
const UNSENT = 0x80;

/** An ABORT frame: flag and wire number of the error code, then the reason. */
export function encodeAbortFrame(streamId: number, abort: AbortPayload): Uint8Array {
  const frame = encodeTextFrame(FRAME.abort, streamId, { roomBytes: 2, text: abort.reason });
  frame[HEADER_BYTES] = (abort.unsent ? UNSENT : 0) | (abort.wire >>> 8);
  frame[HEADER_BYTES + 1] = abort.wire;
  return frame;
}

/** What an ABORT frame says. @throws {ProtocolViolation} when it is too short or no text */
export function decodeAbort(payload: Uint8Array): AbortPayload {
  const [first, second] = payload;
  if (first === undefined || second === undefined) {
    throw new ProtocolViolation("An ABORT frame is too short");
  }
  return {
    wire: ((first & ~UNSENT) << 8) | second,
    unsent: (first & UNSENT) !== 0,
    reason: decodeText(payload.subarray(2)),
  };
}

/** A CREDIT frame: how many more bytes the peer may send on this stream. */
export function encodeCreditFrame(streamId: number, bytes: number): Uint8Array {
  const frame = new Uint8Array(HEADER_BYTES + 4);
  writeHeader(frame, 0, { type: FRAME.credit, bytes: 4, streamId });
  writeUint32(frame, HEADER_BYTES, bytes);
  return frame;
}

/** A PING that carries a number, after four reserved bytes. */
export function encodePingFrame(sequence: number): Uint8Array {
  const frame = new Uint8Array(HEADER_BYTES + PING_BYTES);
  writeHeader(frame, 0, { type: FRAME.ping, bytes: PING_BYTES, streamId: 0 });
  writeUint32(frame, HEADER_BYTES + PING_BYTES - 4, sequence);
  return frame;
}

/** The PONG that returns a PING's payload. */
export function encodePongFrame(ping: Uint8Array): Uint8Array {
  const frame = new Uint8Array(HEADER_BYTES + PING_BYTES);
  writeHeader(frame, 0, { type: FRAME.pong, bytes: PING_BYTES, streamId: 0 });
  frame.set(ping, HEADER_BYTES);
  return frame;
}

/** Text of a payload. @throws {ProtocolViolation} when it is not UTF-8 */
export function decodeText(payload: Uint8Array): string {
  try {
    return decoder.decode(payload);
  } catch (cause) {
    throw new ProtocolViolation("A frame's text is not UTF-8", { cause });
  }
}

/** JSON value of a payload. @throws {ProtocolViolation} when it is none */
export function decodeJson(payload: Uint8Array): unknown {
  try {
    return JSON.parse(decodeText(payload));
  } catch (cause) {
    if (cause instanceof ProtocolViolation) throw cause;
    throw new ProtocolViolation("A frame's payload is not JSON", { cause });
  }
}
