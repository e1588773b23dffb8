import { ProxyError, type ErrorCode } from "@porchlight/protocol/errors";
import type { Head } from "@porchlight/protocol/message";
import type { Stream, StreamHandler } from "@porchlight/protocol/stream";
import type { TunnelExchange, TunnelListener } from "../agents/link.ts";
import { streamError, type ExchangeHost } from "./mux-exchange.ts";

/** One tunnel on one stream: bytes pass as they are. */
export class MuxTunnel implements TunnelExchange, StreamHandler {
  readonly #host: ExchangeHost;
  readonly #listener: TunnelListener;
  #stream: Stream | undefined;

  constructor(host: ExchangeHost, listener: TunnelListener) {
    this.#host = host;
    this.#listener = listener;
  }

  get borrows(): boolean {
    return this.#listener.borrows ?? false;
  }

  /** The stream the tunnel runs on; given once, before anything is sent. */
  attach(stream: Stream): void {
    this.#stream = stream;
  }

  write(chunk: Uint8Array, roomBytes?: number): boolean {
    return this.#stream?.write(chunk, roomBytes) ?? true;
  }

  end(): void {
    this.#stream?.end();
  }

  consume(bytes: number): void {
    this.#stream?.consume(bytes);
  }

  abort(code: ErrorCode, reason: string): void {
    this.#stream?.abort(code, reason);
  }

  onHead(head: Head): void {
    if (head.kind === "tcp") {
      this.#listener.onConnected(head);
      return;
    }
    const error = new ProxyError("agent_protocol_error", "Agent answered a tunnel like a job");
    this.#stream?.abort(error.code, error.message);
    this.#listener.onError(error);
  }

  onData(chunk: Uint8Array): void {
    this.#listener.onData(chunk);
  }

  onEnd(): void {
    this.#listener.onEnd();
  }

  onDrain(): void {
    this.#listener.onDrain();
  }

  onOver(): void {
    this.#listener.onOver();
  }

  onError(error: ProxyError): void {
    this.#listener.onError(streamError(error, this.#host));
  }
}
