/**
 * One multiplexed stream as its two users see it: the opener (orchestrator) and the acceptor (agent).
 * The mux gives the stream; whoever uses it gives the handler.
 */
import type { ErrorCode, ProxyError } from "./errors.ts";
import type { Head, Trailers } from "./message.ts";

/** Hears what the peer does on one stream. After `onError` or `onOver` nothing more comes. */
export interface StreamHandler {
  /** The acceptor's answer, once; heard by the opener only. */
  onHead(head: Head): void;
  /**
   * Takes bytes that are valid during the call of `onData` only. Everybody else is given a copy of what arrived, since
   * its memory is used again.
   */
  readonly borrows?: boolean;
  /** Bytes of the peer. Each has to be given back by `consume`, or the peer stops. */
  onData(chunk: Uint8Array): void;
  /** The peer sends no more data. */
  onEnd(trailers: Trailers | undefined): void;
  /** `write` returned `false` before; now more may be written. */
  onDrain(): void;
  /** Both sides have ended, and the own end has been handed to the carrier: what is sent from now on comes behind it. */
  onOver?(): void;
  /** The stream is over before its time: aborted by the peer, or its link is lost (`agent_lost`). */
  onError(error: ProxyError): void;
}

/** Handle on one stream. Calls on a stream that is over do nothing. */
export interface Stream {
  /** Unique in its link, never reused. */
  readonly id: number;
  /** Answers the opening, once, before any data. Acceptor only. */
  head(head: Head): void;
  /**
   * Queues bytes for the peer (taken over, not copied: do not change them). `false` asks to wait for `onDrain`.
   * @param roomBytes bytes in front of the chunk, in its own buffer, that may be overwritten with headers; default 0
   */
  write(chunk: Uint8Array, roomBytes?: number): boolean;
  /** No more data from here, after what is queued. Trailers only on `http` streams, from the acceptor. */
  end(trailers?: Trailers): void;
  /**
   * Ends both directions now; queued data is dropped and the own handler hears nothing more.
   * @param unsent nothing of the request has left for a target; default `false`
   */
  abort(code: ErrorCode, reason: string, unsent?: boolean): void;
  /** Gives back `bytes` of credit for data that has been drained. */
  consume(bytes: number): void;
}
