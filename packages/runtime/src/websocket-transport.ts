/** The carrier of the agent link: binary WebSocket messages by `ws`. */
import type { Socket } from "node:net";
import type { Transport, TransportHandler } from "@porchlight/protocol/transport";
import { CLOSE_CODES } from "@porchlight/protocol/transport";
import type { RawData, WebSocket } from "ws";

/** How long the peer may take to answer a close. Milliseconds. */
const CLOSE_GRACE_MS = 2_000;

/** Longest reason of a close frame. Bytes. Source: RFC 6455 §5.5. */
const MAX_CLOSE_REASON_BYTES = 123;

/** A transport over an open WebSocket. The WebSocket must not be used otherwise from now on. */
export function webSocketTransport(webSocket: WebSocket): Transport {
  return new WebSocketTransport(webSocket);
}

/** Ends a WebSocket with a goodbye, and without one when the peer does not answer in time. */
export function closeWebSocket(webSocket: WebSocket, code: number, reason: string): void {
  if (webSocket.readyState === webSocket.CLOSED) return;
  webSocket.close(code, cutToBytes(reason, MAX_CLOSE_REASON_BYTES));
  const timer = setTimeout(() => webSocket.terminate(), CLOSE_GRACE_MS);
  webSocket.once("close", () => clearTimeout(timer));
}

/** The socket under a WebSocket, to write several messages at once; `undefined` once it is gone. */
export function socketOf(webSocket: WebSocket): Socket | undefined {
  const socket: unknown = Reflect.get(webSocket, "_socket");
  return isSocket(socket) ? socket : undefined;
}

function isSocket(value: unknown): value is Socket {
  return (
    typeof value === "object" && value !== null && "cork" in value && "writableLength" in value
  );
}

function cutToBytes(text: string, bytes: number): string {
  const encoded = Buffer.from(text);
  if (encoded.length <= bytes) return text;
  return encoded
    .subarray(0, bytes)
    .toString()
    .replace(/\uFFFD+$/u, "");
}

class WebSocketTransport implements Transport {
  readonly #webSocket: WebSocket;
  readonly #socket: Socket | undefined;
  #handler: TransportHandler | undefined;
  #corked = false;

  constructor(webSocket: WebSocket) {
    this.#webSocket = webSocket;
    this.#socket = socketOf(webSocket);
    webSocket.on("message", (data: RawData, isBinary: boolean) => this.#onMessage(data, isBinary));
    webSocket.on("close", (code: number, reason: Buffer) => {
      this.#handler?.onClose(code, reason.toString());
    });
    // `close` follows every error; what it was is in the close code.
    webSocket.on("error", () => undefined);
    this.#socket?.on("drain", () => this.#handler?.onDrain());
  }

  get bufferedBytes(): number {
    return this.#webSocket.bufferedAmount;
  }

  setHandler(handler: TransportHandler): void {
    this.#handler = handler;
  }

  send(parts: readonly Uint8Array[], totalBytes: number): void {
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return;
    this.#cork();
    const [only] = parts;
    const message =
      parts.length === 1 && only !== undefined ? only : Buffer.concat(parts, totalBytes);
    this.#webSocket.send(message, { binary: true });
  }

  close(code: number, reason: string): void {
    closeWebSocket(this.#webSocket, code, reason);
  }

  abort(): void {
    this.#webSocket.terminate();
  }

  #onMessage(data: RawData, isBinary: boolean): void {
    if (isBinary && data instanceof Uint8Array) this.#handler?.onMessage(data);
    else this.close(CLOSE_CODES.protocolError, "This link carries binary messages only");
  }

  /** All messages of one turn leave in one write. */
  #cork(): void {
    if (this.#corked || this.#socket === undefined) return;
    this.#corked = true;
    this.#socket.cork();
    process.nextTick(this.#uncork);
  }

  readonly #uncork = (): void => {
    this.#corked = false;
    this.#socket?.uncork();
  };
}
