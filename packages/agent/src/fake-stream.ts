/** For tests: a stream that writes down what is done with it, and servers that answer by script. */
import { once } from "node:events";
import { type AddressInfo, type Server, type Socket, createServer } from "node:net";
import type { ErrorCode } from "@porchlight/protocol/errors";
import type { Head, Trailers } from "@porchlight/protocol/message";
import type { Stream } from "@porchlight/protocol/stream";

/** A stream without a link: keeps all it is given, in order. */
export class FakeStream implements Stream {
  readonly id = 1;
  readonly heads: Head[] = [];
  readonly chunks: Uint8Array[] = [];
  trailers: Trailers | undefined;
  ended = false;
  aborted:
    | { readonly code: ErrorCode; readonly reason: string; readonly unsent: boolean }
    | undefined;
  consumedBytes = 0;
  /** What `write` answers. */
  hasRoom = true;
  readonly #over = Promise.withResolvers<void>();
  readonly #written = Promise.withResolvers<void>();

  /** Resolves when the stream was ended or aborted. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  /** Resolves with the first written byte. */
  get written(): Promise<void> {
    return this.#written.promise;
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }

  /** The head of an `http` stream. */
  get httpHead() {
    const [head] = this.heads;
    if (head?.kind !== "http") throw new Error(`No response head: ${JSON.stringify(this.aborted)}`);
    return head;
  }

  head(head: Head): void {
    this.heads.push(head);
  }

  write(chunk: Uint8Array): boolean {
    this.chunks.push(chunk);
    this.#written.resolve();
    return this.hasRoom;
  }

  end(trailers?: Trailers): void {
    this.ended = true;
    this.trailers = trailers;
    this.#over.resolve();
  }

  abort(code: ErrorCode, reason: string, unsent = false): void {
    this.aborted ??= { code, reason, unsent };
    this.#over.resolve();
  }

  consume(bytes: number): void {
    this.consumedBytes += bytes;
  }
}

/** A TCP server on any free loopback port; ends with the test. */
export class ScriptedTarget implements AsyncDisposable {
  readonly #server: Server;
  readonly sockets: Socket[] = [];
  /** Everything each connection has sent, as Latin-1. */
  readonly requests: string[] = [];

  constructor(onData: (socket: Socket, target: ScriptedTarget) => void) {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      const index = this.sockets.push(socket) - 1;
      this.requests.push("");
      socket.on("error", () => undefined);
      socket.on("data", (chunk) => {
        this.requests[index] += chunk.toString("latin1");
        onData(socket, this);
      });
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async listen(): Promise<this> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}

/** A target that runs `onData` whenever bytes come. */
export function startTarget(
  onData: (socket: Socket, target: ScriptedTarget) => void,
): Promise<ScriptedTarget> {
  return new ScriptedTarget(onData).listen();
}
