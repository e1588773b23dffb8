import { Readable } from "node:stream";
import { ProxyError } from "@porchlight/protocol/errors";
import type { Stream } from "@porchlight/protocol/stream";

/** Bytes held here for a target that reads slowly; the rest waits as credit not given back. */
const HIGH_WATER_BYTES = 64 * 1024;

/**
 * A request body on its way from a stream of the link to a target. Credit goes back as the target reads, so that a
 * slow target holds up the sender and no memory.
 */
export class RequestBody extends Readable {
  readonly #stream: Stream;
  readonly #expectedBytes: number;
  #receivedBytes = 0;
  #owedBytes = 0;

  /** @param expectedBytes exact length announced with the request */
  constructor(stream: Stream, expectedBytes: number) {
    super({ highWaterMark: HIGH_WATER_BYTES });
    this.#stream = stream;
    this.#expectedBytes = expectedBytes;
    // Its end before time is known to whoever ended it.
    this.on("error", () => undefined);
  }

  /**
   * The stream gave bytes.
   * @throws {ProxyError} invalid_request beyond the announced length
   */
  receive(chunk: Uint8Array): void {
    this.#receivedBytes += chunk.length;
    if (this.#receivedBytes > this.#expectedBytes) throw this.#mismatch();
    if (this.destroyed || this.push(chunk)) this.#stream.consume(chunk.length);
    else this.#owedBytes += chunk.length;
  }

  /**
   * The stream gives no more.
   * @throws {ProxyError} invalid_request short of the announced length
   */
  finish(): void {
    if (this.#receivedBytes !== this.#expectedBytes) throw this.#mismatch();
    if (!this.destroyed) this.push(null);
  }

  override _read(): void {
    this.#payBack();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#payBack();
    done(error);
  }

  #payBack(): void {
    if (this.#owedBytes === 0) return;
    const bytes = this.#owedBytes;
    this.#owedBytes = 0;
    this.#stream.consume(bytes);
  }

  #mismatch(): ProxyError {
    const message = `The request body has ${this.#receivedBytes} bytes where ${this.#expectedBytes} were announced`;
    return new ProxyError("invalid_request", message);
  }
}
