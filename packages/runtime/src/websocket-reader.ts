/**
 * Reads the WebSocket frames of a peer, incrementally: payload is passed on as it arrives, nothing is put
 * together but control frames.
 * Source: RFC 6455 §5; binary messages only, no extensions.
 */
import { readUint32 } from "@porchlight/protocol/frame";
import { CLOSE_CODES } from "@porchlight/protocol/transport";

const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

const NOTHING = new Uint8Array(0);

/** Longest header: two bytes, an eight-byte length and a mask. Bytes. */
const MAX_HEADER_BYTES = 14;

/** Longest payload of a control frame. Bytes. Source: RFC 6455 §5.5. */
const MAX_CONTROL_BYTES = 125;

/** Most frames one message may be cut into (faults G5). */
const MAX_FRAGMENTS = 1024;

/** Status codes of RFC 6455 §7.4.1 used here. */
const PROTOCOL_ERROR = 1002;

/** The peer broke the rules of WebSocket; the connection is closed with `closeCode`. */
export class WebSocketViolation extends Error {
  override readonly name = "WebSocketViolation";
  readonly closeCode: number;

  constructor(closeCode: number, message: string) {
    super(message);
    this.closeCode = closeCode;
  }
}

/** Takes what the frames say. Bytes are views into what arrived, and valid during the call only. */
export interface WebSocketSink {
  /** A piece of a binary message; `isLast` with its end. */
  onPiece(piece: Uint8Array, isLast: boolean): void;
  onPing(payload: Uint8Array): void;
  onPong(): void;
  /** The peer says goodbye; 1005 when it gave no code. */
  onClose(code: number, reason: string): void;
}

/** The side of the peer, its largest message, and who takes its frames. */
export interface WebSocketReaderOptions {
  /** The peer is a client: it has to mask, and a server must not. */
  readonly masked: boolean;
  readonly maxMessageBytes: number;
  readonly sink: WebSocketSink;
}

/** The reader of one connection; after a violation it must not be used again. */
export class WebSocketReader {
  readonly #options: WebSocketReaderOptions;
  readonly #header = new Uint8Array(MAX_HEADER_BYTES);
  #headerBytes = 0;
  #insidePayload = false;
  #opcode = 0;
  #isFinal = false;
  #leftBytes = 0;
  /** The mask of the current frame, `undefined` when there is none or it is zero. */
  #mask: Uint8Array | undefined;
  #maskOffset = 0;
  #insideMessage = false;
  #messageBytes = 0;
  #fragments = 0;
  #control: Uint8Array = NOTHING;

  constructor(options: WebSocketReaderOptions) {
    this.#options = options;
  }

  /** Takes bytes of the connection. @throws {WebSocketViolation} when the peer broke the rules */
  push(chunk: Uint8Array): void {
    let offset = 0;
    while (offset < chunk.length) {
      offset = this.#insidePayload
        ? this.#readPayload(chunk, offset)
        : this.#readHeader(chunk, offset);
    }
  }

  #readHeader(chunk: Uint8Array, start: number): number {
    let offset = start;
    for (;;) {
      const needed = this.#headerNeed();
      if (this.#headerBytes === needed) break;
      if (offset === chunk.length) return offset;
      const end = Math.min(chunk.length, offset + needed - this.#headerBytes);
      for (; offset < end; offset++) this.#header[this.#headerBytes++] = chunk[offset] ?? 0;
    }
    this.#headerBytes = 0;
    this.#begin();
    return offset;
  }

  /** How long the header is, as far as can be told from what of it has come. */
  #headerNeed(): number {
    if (this.#headerBytes < 2) return 2;
    const second = this.#header[1] ?? 0;
    const length = second & 0x7f;
    const lengthBytes = length === 126 ? 2 : length === 127 ? 8 : 0;
    return 2 + lengthBytes + ((second & 0x80) === 0 ? 0 : 4);
  }

  #begin(): void {
    const header = this.#header;
    const first = header[0] ?? 0;
    const second = header[1] ?? 0;
    if ((first & 0x70) !== 0) throw new WebSocketViolation(PROTOCOL_ERROR, "A reserved bit is set");
    const isMasked = (second & 0x80) !== 0;
    if (isMasked !== this.#options.masked) {
      throw new WebSocketViolation(PROTOCOL_ERROR, "A frame is masked as only the other side may");
    }
    const maskStart = this.#headerNeedOfLength(second & 0x7f);
    this.#isFinal = (first & 0x80) !== 0;
    this.#opcode = first & 0x0f;
    this.#leftBytes = payloadLength(header);
    this.#mask = isMasked ? maskOf(header, maskStart) : undefined;
    this.#maskOffset = 0;
    this.#checkFrame();
    this.#insidePayload = this.#leftBytes > 0;
    if (!this.#insidePayload) this.#endEmptyFrame();
  }

  #headerNeedOfLength(length: number): number {
    if (length === 126) return 4;
    return length === 127 ? 10 : 2;
  }

  #checkFrame(): void {
    if (this.#opcode >= OPCODE.close) {
      if (!this.#isFinal || this.#leftBytes > MAX_CONTROL_BYTES || this.#opcode > OPCODE.pong) {
        throw new WebSocketViolation(PROTOCOL_ERROR, "A control frame is malformed");
      }
      return;
    }
    if (this.#opcode === OPCODE.text) {
      throw new WebSocketViolation(
        CLOSE_CODES.protocolError,
        "This link carries binary messages only",
      );
    }
    const continues = this.#opcode === OPCODE.continuation;
    if (this.#opcode > OPCODE.binary || continues !== this.#insideMessage) {
      throw new WebSocketViolation(PROTOCOL_ERROR, "A frame is out of order");
    }
    this.#countFrame();
  }

  #countFrame(): void {
    this.#insideMessage = true;
    this.#messageBytes += this.#leftBytes;
    this.#fragments += 1;
    if (this.#messageBytes > this.#options.maxMessageBytes) {
      throw new WebSocketViolation(CLOSE_CODES.tooBig, "A message is too big");
    }
    if (this.#fragments > MAX_FRAGMENTS) {
      throw new WebSocketViolation(
        CLOSE_CODES.flooding,
        "A message is cut into too many fragments",
      );
    }
  }

  #readPayload(chunk: Uint8Array, start: number): number {
    const end = Math.min(chunk.length, start + this.#leftBytes);
    const bytes = chunk.subarray(start, end);
    if (this.#mask !== undefined) {
      unmask(bytes, this.#mask, this.#maskOffset);
      this.#maskOffset = (this.#maskOffset + bytes.length) & 3;
    }
    this.#leftBytes -= bytes.length;
    this.#insidePayload = this.#leftBytes > 0;
    if (this.#opcode >= OPCODE.close) this.#takeControl(bytes);
    else this.#passOn(bytes);
    return end;
  }

  #endEmptyFrame(): void {
    if (this.#opcode >= OPCODE.close) this.#takeControl(NOTHING);
    else if (this.#isFinal) this.#passOn(NOTHING);
  }

  #passOn(bytes: Uint8Array): void {
    const isLast = this.#isFinal && this.#leftBytes === 0;
    if (isLast) {
      this.#insideMessage = false;
      this.#messageBytes = 0;
      this.#fragments = 0;
    }
    this.#options.sink.onPiece(bytes, isLast);
  }

  #takeControl(bytes: Uint8Array): void {
    const payload = this.#control.length === 0 ? bytes : Buffer.concat([this.#control, bytes]);
    if (this.#insidePayload) {
      this.#control = Buffer.from(payload);
      return;
    }
    this.#control = NOTHING;
    if (this.#opcode === OPCODE.ping) this.#options.sink.onPing(payload);
    else if (this.#opcode === OPCODE.pong) this.#options.sink.onPong();
    else this.#takeClose(payload);
  }

  #takeClose(payload: Uint8Array): void {
    if (payload.length === 1) throw new WebSocketViolation(PROTOCOL_ERROR, "A close code is cut");
    const code = payload.length === 0 ? 1005 : ((payload[0] ?? 0) << 8) | (payload[1] ?? 0);
    this.#options.sink.onClose(code, Buffer.from(payload.subarray(2)).toString());
  }
}

function payloadLength(header: Uint8Array): number {
  const length = (header[1] ?? 0) & 0x7f;
  if (length < 126) return length;
  if (length === 126) return ((header[2] ?? 0) << 8) | (header[3] ?? 0);
  if (readUint32(header, 2) > 0) {
    throw new WebSocketViolation(CLOSE_CODES.tooBig, "A frame is too big");
  }
  return readUint32(header, 6);
}

function maskOf(header: Uint8Array, start: number): Uint8Array | undefined {
  return readUint32(header, start) === 0 ? undefined : header.slice(start, start + 4);
}

/** Undoes the mask in place. */
function unmask(bytes: Uint8Array, mask: Uint8Array, offset: number): void {
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = (bytes[index] ?? 0) ^ (mask[(offset + index) & 3] ?? 0);
  }
}
