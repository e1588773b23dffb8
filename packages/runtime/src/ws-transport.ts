/**
 * The binary carrier by `ws` alone. `websocket-transport.ts` does the same faster over the bare socket; this one
 * is the measure of its behaviour.
 */
import type { Socket } from "node:net";
import type { OutgoingMessage, Transport, TransportHandler } from "@porchlight/protocol/transport";
import { CLOSE_CODES } from "@porchlight/protocol/transport";
import type { RawData, WebSocket } from "ws";
import { closeWebSocket, socketOf } from "./open-websocket.ts";

/** A transport over an open WebSocket. The WebSocket must not be used otherwise from now on. */
export function wsTransport(webSocket: WebSocket): Transport {
  return new WsTransport(webSocket);
}

class WsTransport implements Transport {
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

  send({ parts, totalBytes }: OutgoingMessage): void {
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
    if (isBinary && data instanceof Uint8Array) this.#handler?.onMessage(data, true);
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
