/**
 * The one copy loop: bytes between a TCP (or TLS) socket and a stream of a link, both ways, with half-close,
 * backpressure and abort. What a slow socket cannot take yet stays here, bounded by the stream's window. What
 * was read of the link is kept, and not given back as credit, until the socket has written it.
 */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { type ErrorCode, ProxyError } from "@porchlight/protocol/errors";
import { ChunkQueue } from "./chunk-queue.ts";
import { watchHeld } from "./held-sockets.ts";
import { resetSocket } from "./reset-socket.ts";
import { readBlocks } from "./read-blocks.ts";
import type { RoomyReads } from "./roomy-reads.ts";

/** Chunks from this size on are collected until the end of the turn: they come in rows. Smaller ones leave at once. Bytes. */
const COLLECT_BYTES = 4 * 1024;

/** What the splice does to the stream. Both a mux `Stream` and a `TunnelExchange` are one. */
export interface SpliceStream {
  write(chunk: Uint8Array, roomBytes?: number): boolean;
  end(): void;
  abort(code: ErrorCode, reason: string): void;
  consume(bytes: number): void;
}

/** Bytes that have gone through, and how it ended. */
export interface SpliceResult {
  /** From the socket to the stream. */
  readonly sentBytes: number;
  /** From the stream to the socket. */
  readonly receivedBytes: number;
  /** Absent when both directions ended gracefully. */
  readonly error: ProxyError | undefined;
}

/** The two sides to join, and who hears of bytes and of the end. */
export interface SpliceOptions {
  readonly socket: Socket;
  /** How the socket is read, if it was made with them. */
  readonly reads?: RoomyReads;
  readonly stream: SpliceStream;
  /**
   * The tunnel ends when the peer resets its connection while it is held up (faults A28). For clients: what a target has sent
   * before its reset is still to be read.
   */
  readonly endsOnReset?: boolean;
  /** What the stream gave before. */
  readonly early?: ChunkQueue;
  /** The tunnel is over; comes exactly once, when the socket is closed and the stream has ended. */
  readonly onEnd: (result: SpliceResult) => void;
  /** Sees every chunk's size before it is passed on (metering, shaping). */
  readonly onBytes?: (direction: "sent" | "received", bytes: number) => void;
}

/** Joins a connected socket with a stream. The owner forwards the stream's events to the `on…` methods. */
export class Splice {
  readonly #socket: Socket;
  readonly #stream: SpliceStream;
  readonly #options: SpliceOptions;
  #sentBytes = 0;
  #receivedBytes = 0;
  /** Received while the socket takes no more. */
  readonly #waiting: ChunkQueue;
  /** Kept, and handed to the socket, which has not written it yet. */
  readonly #writing: Uint8Array[] = [];
  #corked = false;
  /** The stream takes no more: the socket is not read. */
  #isHeldUp = false;
  #streamEnded = false;
  #socketEnded = false;
  #closesWhole = false;
  #over = false;

  constructor(options: SpliceOptions) {
    this.#options = options;
    this.#socket = options.socket;
    this.#stream = options.stream;
    this.#waiting = options.early ?? new ChunkQueue();
    const socket = this.#socket;
    if (options.reads === undefined) socket.on("data", this.#onSocketData);
    else options.reads.listener = this.#onRead;
    socket.on("end", this.#onSocketEnd);
    socket.on("drain", this.#onSocketDrain);
    socket.on("error", this.#onSocketError);
    socket.on("close", this.#onSocketClose);
    if (socket.isPaused()) socket.resume();
    this.#countReceived(this.#waiting.bytes);
    this.#writeWaiting();
    if (socket.readableEnded) this.#onSocketEnd();
  }

  /** The stream gave bytes; they need be valid during this call only. */
  onData(chunk: Uint8Array): void {
    if (this.#over) return;
    this.#countReceived(chunk.length);
    if (this.#socket.writableNeedDrain && !this.#corked) this.#waiting.push(chunk);
    else this.#write(readBlocks.keep(chunk));
  }

  /** The stream gives no more. */
  onEnd(): void {
    if (this.#over) return;
    this.#streamEnded = true;
    this.#writeWaiting();
    if (this.#mayClose()) {
      this.#closesWhole = true;
      this.#socket.destroy();
    } else this.#socket.end();
  }

  /** The stream takes bytes again. */
  onDrain(): void {
    this.#isHeldUp = false;
    if (!this.#over) this.#socket.resume();
  }

  /** The stream is over before its time. */
  onError(error: ProxyError): void {
    this.#finish(error);
    resetSocket(this.#socket);
  }

  /** Ends both sides now. */
  abort(code: ErrorCode, reason: string): void {
    if (this.#over) return;
    this.#stream.abort(code, reason);
    this.#finish(new ProxyError(code, reason));
    resetSocket(this.#socket);
  }

  readonly #onSocketData = (chunk: Buffer): void => {
    if (!this.#pass(chunk, 0)) this.#socket.pause();
  };

  readonly #onRead = (chunk: Uint8Array, roomBytes: number): boolean =>
    this.#pass(chunk, roomBytes);

  #pass(chunk: Uint8Array, roomBytes: number): boolean {
    this.#sentBytes += chunk.length;
    this.#options.onBytes?.("sent", chunk.length);
    const goesOn = this.#stream.write(chunk, roomBytes);
    if (!goesOn) this.#holdUp();
    return goesOn;
  }

  #holdUp(): void {
    this.#isHeldUp = true;
    if (this.#options.endsOnReset === true) watchHeld(this.#socket, this.#isHeld);
  }

  readonly #isHeld = (): boolean => this.#isHeldUp;

  readonly #onSocketEnd = (): void => {
    this.#socketEnded = true;
    this.#stream.end();
  };

  readonly #onSocketDrain = (): void => {
    this.#writeWaiting();
  };

  readonly #onSocketError = (error: NodeJS.ErrnoException): void => {
    this.#broken(new ProxyError("connection_reset", "The connection was reset", { cause: error }));
  };

  readonly #onSocketClose = (): void => {
    this.#options.reads?.close();
    // What was ended here counts only once it has been written (faults F1).
    const isWhole = this.#streamEnded && (this.#closesWhole || this.#socket.writableFinished);
    if (isWhole && this.#socketEnded) this.#finish(undefined);
    else this.#broken(new ProxyError("connection_reset", "The connection was closed"));
    this.#letGo();
  };

  /**
   * Nothing leads from the closed socket to the tunnel any more. Node's sockets outlive the collection of young objects:
   * each is held by a function that V8 makes among the old ones (`onwrite` of its writable state). With the tunnel behind
   * it, that is most of what a tunnel costs in memory.
   */
  #letGo(): void {
    const socket = this.#socket;
    socket.off("data", this.#onSocketData);
    socket.off("end", this.#onSocketEnd);
    socket.off("drain", this.#onSocketDrain);
    socket.off("error", this.#onSocketError);
    socket.off("close", this.#onSocketClose);
  }

  /**
   * All has been read and written, so that closing says the same as ending, without a system call more. Not so under
   * TLS, which says goodbye first.
   */
  #mayClose(): boolean {
    const socket = this.#socket;
    return this.#socketEnded && socket.writableLength === 0 && !(socket instanceof TLSSocket);
  }

  #broken(error: ProxyError): void {
    if (this.#over) return;
    this.#stream.abort(error.code, error.message);
    this.#finish(error);
  }

  #countReceived(bytes: number): void {
    if (bytes === 0) return;
    this.#receivedBytes += bytes;
    this.#options.onBytes?.("received", bytes);
  }

  #write(kept: Uint8Array): void {
    this.#writing.push(kept);
    if (kept.length >= COLLECT_BYTES) this.#cork();
    this.#socket.write(kept, this.#onWritten);
  }

  /** Comes for every write, in order, and also when the socket has been destroyed. */
  readonly #onWritten = (): void => {
    const kept = this.#writing.shift();
    if (kept === undefined) return;
    readBlocks.drop(kept);
    this.#stream.consume(kept.length);
  };

  #writeWaiting(): void {
    if (this.#waiting.bytes === 0) return;
    for (const chunk of this.#waiting.takeAll()) this.#write(chunk);
  }

  /** All writes of one turn leave in one system call. */
  #cork(): void {
    if (this.#corked) return;
    this.#corked = true;
    this.#socket.cork();
    setImmediate(this.#uncork);
  }

  readonly #uncork = (): void => {
    this.#corked = false;
    this.#socket.uncork();
  };

  #finish(error: ProxyError | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#waiting.clear();
    const { onEnd } = this.#options;
    onEnd({ sentBytes: this.#sentBytes, receivedBytes: this.#receivedBytes, error });
  }
}
