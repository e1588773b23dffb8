/**
 * A client's connection from the moment it has asked for a tunnel, whichever way it asked:
 *
 *   waiting ──the agent has connected──▶ told so, joined with the tunnel ──▶ ended
 *      │ refused: told why, ended
 *      │ gone: the tunnel is cancelled
 *
 * What the client sends meanwhile is held, no more of it than fills one window, and is the tunnel's first bytes
 * (faults P14). A client that ends its side without having sent anything has gone; one that has sent something waits for
 * the answer (faults P15), unless it resets its connection (faults A28).
 */
import type { Socket } from "node:net";
import type { ProxyError } from "@porchlight/protocol/errors";
import type { Attempt } from "@porchlight/protocol/job";
import { ChunkQueue } from "@porchlight/runtime/chunk-queue";
import { watchHeld } from "@porchlight/runtime/held-sockets";
import { readBlocks } from "@porchlight/runtime/read-blocks";
import { resetSocket } from "@porchlight/runtime/reset-socket";
import type { RoomyReads } from "@porchlight/runtime/roomy-reads";
import { roomySocket } from "@porchlight/runtime/roomy-socket";
import { Splice } from "@porchlight/runtime/splice";
import { STALLED_READER_MS } from "../http/answer.ts";
import type {
  OpenedTunnel,
  RunningTunnel,
  TunnelDoor,
  TunnelRequest,
} from "../tunnels/tunnel-request.ts";

/** How the client is told, in its own protocol. */
export interface TunnelAnswers {
  /** What says that the tunnel is open. */
  opened(opened: OpenedTunnel): string | Uint8Array;
  /** Says why there is none, and ends the connection. */
  refuse(error: ProxyError, attempts: readonly Attempt[]): void;
}

/** Opens tunnels. */
export interface TunnelOpener {
  open(request: TunnelRequest, door: TunnelDoor): RunningTunnel;
}

interface TunnelClientOptions {
  /** Nobody else listens to its data any more. */
  readonly socket: Socket;
  /** Its first bytes for the tunnel, which have been read already; may be empty. */
  readonly early: Uint8Array;
  readonly answers: TunnelAnswers;
}

/** Read of a client that does not wait for its answer at most, or one read more. Bytes. */
const MAX_EARLY_BYTES = 64 * 1024;

/** One client of one tunnel. */
export class TunnelClient implements TunnelDoor {
  readonly borrows = true;
  readonly #socket: Socket;
  readonly #reads: RoomyReads | undefined;
  readonly #early = new ChunkQueue();
  readonly #answers: TunnelAnswers;
  #running: RunningTunnel | undefined;
  #splice: Splice | undefined;

  constructor({ socket, early, answers }: TunnelClientOptions) {
    this.#socket = socket;
    this.#reads = roomySocket(socket);
    if (early.length > 0) this.#early.push(early);
    this.#answers = answers;
  }

  /** Asks for the tunnel; called once. */
  open(tunnels: TunnelOpener, request: TunnelRequest): void {
    const socket = this.#socket;
    socket.on("end", this.#onEnd);
    socket.on("close", this.#onGone);
    if (this.#reads !== undefined) this.#reads.listener = this.#hold;
    if (this.#reads === undefined || socket.readableLength > 0) socket.on("data", this.#hold);
    if (socket.isPaused()) socket.resume();
    this.#running = tunnels.open(request, this);
    if (socket.destroyed) this.#onGone();
  }

  onOpen(opened: OpenedTunnel): void {
    this.#stopWaiting();
    const socket = this.#socket;
    socket.write(this.#answers.opened(opened));
    const { exchange } = opened;
    for (const chunk of this.#early.takeAll()) {
      // The link has it wait, and tells nobody when it has left.
      exchange.write(Buffer.from(chunk));
      readBlocks.drop(chunk);
    }
    this.#splice = new Splice({
      socket,
      stream: exchange,
      onEnd: ignore,
      endsOnReset: true,
      ...(this.#reads === undefined ? {} : { reads: this.#reads }),
    });
  }

  onData(chunk: Uint8Array): void {
    this.#splice?.onData(chunk);
  }

  onEnd(): void {
    this.#splice?.onEnd();
    // A client that neither reads the rest nor ends its own side would stay for ever.
    if (this.#socket.destroyed) return;
    this.#socket.setTimeout(STALLED_READER_MS, () => resetSocket(this.#socket));
  }

  onDrain(): void {
    this.#splice?.onDrain();
  }

  onError(error: ProxyError, attempts: readonly Attempt[]): void {
    if (this.#splice !== undefined) return this.#splice.onError(error);
    this.#stopWaiting();
    this.#early.clear();
    this.#answers.refuse(error, attempts);
  }

  readonly #hold = (chunk: Uint8Array): boolean => {
    this.#early.push(chunk);
    if (this.#early.bytes < MAX_EARLY_BYTES) return true;
    this.#socket.pause();
    this.#watch();
    return false;
  };

  readonly #onEnd = (): void => {
    if (this.#early.bytes === 0) this.#onGone();
    else this.#watch();
  };

  readonly #onGone = (): void => {
    this.#stopWaiting();
    this.#early.clear();
    this.#running?.cancel("The client went away");
    this.#socket.destroy();
  };

  /** From here on nothing is read before the tunnel is open. */
  #watch(): void {
    watchHeld(this.#socket, () => this.#splice === undefined);
  }

  #stopWaiting(): void {
    this.#socket.off("data", this.#hold);
    this.#socket.off("end", this.#onEnd);
    this.#socket.off("close", this.#onGone);
  }
}

function ignore(): void {
  // Nothing to do.
}
