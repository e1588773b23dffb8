/**
 * The carrier of the agent link: binary WebSocket messages, over the socket of a WebSocket that `ws` has
 * opened. `ws` does the handshake; its own reading and writing is left aside, since it puts every message
 * together in memory before handing it on, and costs twice the time for a small one.
 */
import type { Socket } from "node:net";
import {
  IDLE_FRAMES_PER_SECOND,
  IDLE_FRAME_BURST,
  MAX_MESSAGE_BYTES,
} from "@porchlight/protocol/limits";
import { TokenBucket } from "@porchlight/protocol/token-bucket";
import {
  CLOSE_CODES,
  type OutgoingMessage,
  type Transport,
  type TransportHandler,
} from "@porchlight/protocol/transport";
import type { WebSocket } from "ws";
import { readLink } from "./link-reads.ts";
import { CLOSE_GRACE_MS, cutCloseReason, socketOf } from "./open-websocket.ts";
import { returnRead } from "./roomy-reads.ts";
import {
  MAX_WS_HEADER_BYTES,
  WS_OPCODE,
  webSocketHeaderBytes,
  writeWebSocketHeader,
} from "./websocket-frame.ts";
import { WebSocketReader, type WebSocketSink, WebSocketViolation } from "./websocket-reader.ts";

/** A message from this size on is written at once where it need not join others; smaller ones of one turn leave together. Bytes. */
const DIRECT_BYTES = 16 * 1024;

/** Smaller parts are copies of what was read, and need not come back. Bytes. */
const LARGE_PART_BYTES = 8 * 1024;

/** A pong is owed only while less than this waits to be written: a peer that does not read gets none. Bytes. */
const PONG_LIMIT_BYTES = 64 * 1024;

/** Code reported when the carrier ended without a goodbye. Source: RFC 6455 §7.1.5. */
const NO_GOODBYE = 1006;

/** Codes that stand for "no code" and must not be sent. Source: RFC 6455 §7.4.1. */
const UNSENDABLE: ReadonlySet<number> = new Set([1005, 1006, 1015]);

/**
 * A transport over a WebSocket that has just opened, in the same tick. The WebSocket must not be used
 * otherwise from now on.
 */
export function webSocketTransport(webSocket: WebSocket): Transport {
  const socket = socketOf(webSocket);
  if (socket === undefined) return deadTransport();
  for (const event of ["data", "end"]) takeOver(socket, event);
  webSocket.on("error", () => undefined);
  const isServer = Reflect.get(webSocket, "_isServer") === true;
  if (isServer) forget(webSocket, socket);
  return new WebSocketTransport(socket, isServer);
}

/** Lets go of what `ws` has made for the socket: with thousands of idle agents it would be a third of their memory. */
function forget(webSocket: WebSocket, socket: Socket): void {
  for (const event of ["close", "error"]) takeOver(socket, event);
  for (const key of Object.getOwnPropertySymbols(socket)) {
    // Not deleted: an object that has lost a property is kept in a larger form.
    if (Reflect.get(socket, key) === webSocket) Reflect.set(socket, key, undefined);
  }
}

/** Ends what `ws` does at an event of its socket; its listeners are named `socketOnData`, `socketOnEnd`, … */
function takeOver(socket: Socket, event: string): void {
  for (const listener of socket.listeners(event) as ((...args: unknown[]) => void)[]) {
    if (listener.name.startsWith("socketOn")) socket.off(event, listener);
  }
}

class WebSocketTransport implements Transport, WebSocketSink {
  readonly #socket: Socket;
  readonly #isServer: boolean;
  readonly #reader: WebSocketReader;
  readonly #idleFrames: TokenBucket;
  #handler: TransportHandler | undefined;
  /** Large parts handed to the socket and not yet written: what they were read into is used again. */
  readonly #writing: Uint8Array[] = [];
  #corked = false;
  /** A close frame has been sent; nothing may follow it. */
  #closing = false;
  /** What the peer says from now on does not count. */
  #deaf = false;
  #goodbye: { readonly code: number; readonly reason: string } | undefined;
  #graceTimer: NodeJS.Timeout | undefined;

  constructor(socket: Socket, isServer: boolean) {
    this.#socket = socket;
    this.#isServer = isServer;
    const options = { masked: isServer, maxMessageBytes: MAX_MESSAGE_BYTES, sink: this };
    this.#reader = new WebSocketReader(options);
    this.#idleFrames = new TokenBucket(IDLE_FRAME_BURST, IDLE_FRAMES_PER_SECOND, performance.now());
    readLink(socket, this.#onChunk);
    socket.on("drain", this.#onDrain);
    socket.on("end", this.#onEnd);
    socket.on("close", this.#onClose);
    // `close` follows every error and tells all that is needed.
    socket.on("error", () => undefined);
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  setHandler(handler: TransportHandler): void {
    this.#handler = handler;
  }

  send(message: OutgoingMessage, joins = false): void {
    if (this.#closing || this.#socket.destroyed) return;
    const inOnePiece = message.parts.length === 1 && message.roomBytes >= MAX_WS_HEADER_BYTES;
    if (joins || !inOnePiece || message.totalBytes < DIRECT_BYTES) this.#cork();
    this.#write(WS_OPCODE.binary, message);
  }

  close(code: number, reason: string): void {
    if (this.#closing) return;
    const payload = UNSENDABLE.has(code) ? Buffer.alloc(0) : closePayload(code, reason);
    if (!this.#socket.destroyed) this.#write(WS_OPCODE.close, messageOf(payload));
    this.#closing = true;
    this.#endInTime();
  }

  abort(): void {
    this.#closing = true;
    this.#deaf = true;
    this.#socket.destroy();
  }

  // ── what the peer's frames say ──

  onPiece(piece: Uint8Array, isLast: boolean): void {
    if (this.#deaf || (piece.length === 0 && !this.#spendIdleFrame())) return;
    this.#handler?.onMessage(piece, isLast);
  }

  onPing(payload: Uint8Array): void {
    if (!this.#spendIdleFrame() || this.#closing || this.bufferedBytes > PONG_LIMIT_BYTES) return;
    // It waits in the socket longer than what was read is valid.
    this.#write(WS_OPCODE.pong, messageOf(Buffer.from(payload)));
  }

  onPong(): void {
    this.#spendIdleFrame();
  }

  onClose(code: number, reason: string): void {
    this.#goodbye ??= { code, reason };
    this.#deaf = true;
    this.close(code, reason);
    this.#socket.end();
  }

  // ── the socket ──

  readonly #onChunk = (chunk: Buffer): void => {
    if (this.#deaf) return;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      if (!(error instanceof WebSocketViolation)) throw error;
      this.#refuse(error.closeCode, error.message);
    }
  };

  readonly #onDrain = (): void => {
    this.#handler?.onDrain();
  };

  /** The peer says no more, and may take no more either: then what waits for it would hold the socket for ever. */
  readonly #onEnd = (): void => {
    this.#socket.end();
    this.#endInTime();
  };

  readonly #onClose = (): void => {
    clearTimeout(this.#graceTimer);
    this.#closing = true;
    this.#deaf = true;
    const { code, reason } = this.#goodbye ?? { code: NO_GOODBYE, reason: "" };
    this.#handler?.onClose(code, reason);
  };

  #refuse(code: number, reason: string): void {
    this.#goodbye ??= { code, reason };
    this.#deaf = true;
    this.close(code, reason);
    this.#socket.end();
  }

  #endInTime(): void {
    if (this.#socket.destroyed) return;
    this.#graceTimer ??= setTimeout(() => this.#socket.destroy(), CLOSE_GRACE_MS);
  }

  /** Faults G5: frames that carry nothing are counted; beyond the allowance the link is ended. */
  #spendIdleFrame(): boolean {
    if (this.#idleFrames.take(performance.now())) return true;
    if (!this.#deaf) this.#refuse(CLOSE_CODES.flooding, "Too many frames that carry nothing");
    return false;
  }

  #write(opcode: number, message: OutgoingMessage): void {
    const [first, ...rest] = message.parts;
    const frame = { opcode, payloadBytes: message.totalBytes, masks: !this.#isServer };
    const headerBytes = webSocketHeaderBytes(message.totalBytes, frame.masks);
    if (first !== undefined && message.roomBytes >= headerBytes) {
      const start = first.byteOffset - headerBytes;
      const framed = Buffer.from(first.buffer, start, headerBytes + first.length);
      writeWebSocketHeader(framed, 0, frame);
      this.#writePart(framed);
    } else {
      const header = Buffer.allocUnsafe(headerBytes);
      writeWebSocketHeader(header, 0, frame);
      this.#socket.write(header);
      if (first !== undefined) this.#writePart(first);
    }
    for (const part of rest) this.#writePart(part);
  }

  #writePart(part: Uint8Array): void {
    if (part.length < LARGE_PART_BYTES) {
      this.#socket.write(part);
      return;
    }
    this.#writing.push(part);
    this.#socket.write(part, this.#onWritten);
  }

  readonly #onWritten = (): void => {
    const part = this.#writing.shift();
    if (part !== undefined) returnRead(part);
  };

  /** What is written until the end of the turn leaves in one write. */
  #cork(): void {
    if (this.#corked) return;
    this.#corked = true;
    this.#socket.cork();
    process.nextTick(this.#uncork);
  }

  readonly #uncork = (): void => {
    this.#corked = false;
    this.#socket.uncork();
  };
}

function messageOf(payload: Uint8Array): OutgoingMessage {
  return { parts: [payload], totalBytes: payload.length, roomBytes: 0 };
}

function closePayload(code: number, reason: string): Buffer {
  const text = Buffer.from(cutCloseReason(reason));
  const payload = Buffer.allocUnsafe(2 + text.length);
  payload.writeUInt16BE(code, 0);
  payload.set(text, 2);
  return payload;
}

/** A carrier that was gone before it could be used. */
function deadTransport(): Transport {
  return {
    bufferedBytes: 0,
    setHandler: (handler) => setImmediate(() => handler.onClose(NO_GOODBYE, "")),
    send: () => undefined,
    close: () => undefined,
    abort: () => undefined,
  };
}
