/**
 * The same link over a carrier of text only (an API gateway, say): each mux message as Base64, cut into pieces
 * of at most MAX_TEXT_MESSAGE_CHARS. The first character of a piece tells whether another follows.
 * Source: docs/protocol.md §2.2.
 */
import { MAX_MESSAGE_BYTES, MAX_TEXT_MESSAGE_CHARS } from "@porchlight/protocol/limits";
import {
  CLOSE_CODES,
  type OutgoingMessage,
  type Transport,
  type TransportHandler,
} from "@porchlight/protocol/transport";
import type { RawData, WebSocket } from "ws";
import { closeWebSocket, socketOf } from "./open-websocket.ts";

const MORE = "+";
const LAST = ".";

/** Base64 characters in one piece: what is left beside the mark, in whole groups of four. */
const PIECE_CHARS = Math.floor((MAX_TEXT_MESSAGE_CHARS - 1) / 4) * 4;

/** Base64 characters of the largest message. */
const MAX_CHARS = Math.ceil(MAX_MESSAGE_BYTES / 3) * 4;

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/u;

/** The text pieces of one message. */
export function encodeTextMessage(message: Uint8Array): string[] {
  const text = Buffer.from(message.buffer, message.byteOffset, message.length).toString("base64");
  const pieces: string[] = [];
  for (let start = 0; start < text.length; start += PIECE_CHARS) {
    const isLast = start + PIECE_CHARS >= text.length;
    pieces.push((isLast ? LAST : MORE) + text.slice(start, start + PIECE_CHARS));
  }
  return pieces;
}

/** Puts the pieces of messages together again. */
export class TextMessageReader {
  #collected = "";

  /**
   * Takes one piece; gives the message when it was the last.
   * @throws {RangeError} when the piece is malformed or the message grows too large
   */
  take(piece: string): Uint8Array | undefined {
    const mark = piece.charAt(0);
    if (mark !== MORE && mark !== LAST) throw new RangeError("A piece of text has no mark");
    if (piece.length > MAX_TEXT_MESSAGE_CHARS) throw new RangeError("A piece of text is too long");
    this.#collected += piece.slice(1);
    if (this.#collected.length > MAX_CHARS) throw new RangeError("A message in text is too long");
    if (mark === MORE) return undefined;
    const text = this.#collected;
    this.#collected = "";
    if (text.length % 4 !== 0 || !BASE64.test(text))
      throw new RangeError("A message is not Base64");
    return Buffer.from(text, "base64");
  }
}

/** A transport over an open WebSocket that carries text only. */
export function textTransport(webSocket: WebSocket): Transport {
  return new TextTransport(webSocket);
}

class TextTransport implements Transport {
  readonly #webSocket: WebSocket;
  readonly #reader = new TextMessageReader();
  #handler: TransportHandler | undefined;

  constructor(webSocket: WebSocket) {
    this.#webSocket = webSocket;
    webSocket.on("message", (data: RawData, isBinary: boolean) => this.#onMessage(data, isBinary));
    webSocket.on("close", (code: number, reason: Buffer) => {
      this.#handler?.onClose(code, reason.toString());
    });
    webSocket.on("error", () => undefined);
    socketOf(webSocket)?.on("drain", () => this.#handler?.onDrain());
  }

  get bufferedBytes(): number {
    return this.#webSocket.bufferedAmount;
  }

  setHandler(handler: TransportHandler): void {
    this.#handler = handler;
  }

  send({ parts, totalBytes }: OutgoingMessage): void {
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return;
    for (const piece of encodeTextMessage(Buffer.concat(parts, totalBytes)))
      this.#webSocket.send(piece);
  }

  close(code: number, reason: string): void {
    closeWebSocket(this.#webSocket, code, reason);
  }

  abort(): void {
    this.#webSocket.terminate();
  }

  #onMessage(data: RawData, isBinary: boolean): void {
    try {
      if (isBinary || !Buffer.isBuffer(data)) throw new RangeError("This link carries text only");
      const message = this.#reader.take(data.toString("latin1"));
      if (message !== undefined) this.#handler?.onMessage(message, true);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.close(CLOSE_CODES.protocolError, error.message);
    }
  }
}
