/**
 * One stream of a mux: two directions that end on their own (half-close) or together (abort).
 * The mux feeds it frames; its user holds it as a `Stream`.
 * Source: docs/protocol.md §5.
 */
import { ERRORS, type ErrorCode, ProxyError, errorCodeOfWire } from "./errors.ts";
import {
  FRAME,
  ProtocolViolation,
  decodeAbort,
  encodeAbortFrame,
  encodeCreditFrame,
  encodeJsonFrame,
} from "./frame.ts";
import { MAX_REASON_CHARS } from "./limits.ts";
import type { Head, Trailers } from "./message.ts";
import type { Source } from "./outbox.ts";
import type { ReceiveWindow } from "./receive-window.ts";
import { SendQueue } from "./send-queue.ts";
import type { Stream, StreamHandler } from "./stream.ts";

/** `write` asks to wait when this much is queued in a stream. Bytes. */
const SEND_HIGH_BYTES = 256 * 1024;

/** … and `onDrain` comes when no more than this is left. Bytes. */
const SEND_LOW_BYTES = 64 * 1024;

/** Largest credit one direction may ever hold: keeps arithmetic in 31 bits. Bytes. */
const MAX_CREDIT_BYTES = 2 ** 31 - 1;

/** What a stream needs of its mux. */
export interface StreamOwner {
  /** This side opened the stream. */
  readonly opens: boolean;
  sendControl(frame: Uint8Array): void;
  /** The stream has something to send. */
  sendSoon(stream: MuxStream): void;
  /** Enough has been drained for credit to go back; the mux calls `grant` when it next sends. */
  creditSoon(stream: MuxStream): void;
  /** `bytes` of received data are held from now on. */
  hold(bytes: number): void;
  /** `bytes` of received data are no longer held. */
  release(bytes: number): void;
  /** The writer may go on, or its end has been taken; the mux calls `sent` once that has been handed to the carrier. */
  sentSoon(stream: MuxStream): void;
  /** Both directions have ended; the peer may still have `lateBytes` under way. */
  forget(stream: MuxStream, lateBytes: number): void;
}

/** A stream as its mux sees it; its user holds it as a `Stream`. */
export class MuxStream implements Stream, Source {
  readonly id: number;
  readonly #owner: StreamOwner;
  readonly #window: ReceiveWindow;
  #handler: StreamHandler | undefined;
  #sendCreditBytes: number;
  readonly #queue = new SendQueue();
  #wantsDrain = false;
  #headDone = false;
  #endAsked = false;
  /** The frame that ends this direction, if trailers do. */
  #trailersFrame: Uint8Array | undefined;
  #localEnded = false;
  #remoteEnded = false;
  queued = false;
  /** Stands in the mux's list of streams whose credit is due. */
  creditQueued = false;

  constructor(
    id: number,
    owner: StreamOwner,
    credit: { readonly sendBytes: number; readonly window: ReceiveWindow },
  ) {
    this.id = id;
    this.#owner = owner;
    this.#sendCreditBytes = credit.sendBytes;
    this.#window = credit.window;
  }

  get backlogBytes(): number {
    return this.#window.backlogBytes;
  }

  set handler(handler: StreamHandler) {
    this.#handler = handler;
  }

  get #over(): boolean {
    return this.#localEnded && this.#remoteEnded;
  }

  // ── what its user does ──

  head(head: Head): void {
    if (this.#headDone || this.#localEnded || this.#owner.opens) return;
    this.#headDone = true;
    try {
      this.#owner.sendControl(encodeJsonFrame(FRAME.head, this.id, head));
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      this.fail(new ProxyError("target_protocol_error", "The response head is too large"));
    }
  }

  write(chunk: Uint8Array, roomBytes = 0): boolean {
    if (this.#localEnded || this.#endAsked) return true;
    if (chunk.length > 0) {
      this.#queue.push(chunk, roomBytes);
      if (this.#sendCreditBytes > 0) this.#owner.sendSoon(this);
    }
    if (this.#queue.bytes < SEND_HIGH_BYTES) return true;
    this.#wantsDrain = true;
    return false;
  }

  end(trailers?: Trailers): void {
    if (this.#localEnded || this.#endAsked) return;
    if (trailers !== undefined && trailers.length > 0 && !this.#encodeTrailers(trailers)) return;
    this.#endAsked = true;
    if (this.sendable) this.#owner.sendSoon(this);
  }

  abort(code: ErrorCode, reason: string, unsent = false): void {
    this.#releaseBacklog();
    if (this.#over) return;
    const abort = { wire: ERRORS[code].wire, unsent, reason: reason.slice(0, MAX_REASON_CHARS) };
    this.#owner.sendControl(encodeAbortFrame(this.id, abort));
    this.#handler = undefined;
    this.#close();
  }

  consume(bytes: number): void {
    const drained = this.#window.drain(bytes);
    if (drained === 0) return;
    this.#owner.release(drained);
    if (!this.#remoteEnded && this.#window.creditDue) this.#owner.creditSoon(this);
  }

  // ── what the outbox asks ──

  get sendable(): boolean {
    if (this.#localEnded) return false;
    return this.#queue.bytes > 0 ? this.#sendCreditBytes > 0 : this.#endAsked;
  }

  get takenRoomBytes(): number {
    return this.#queue.takenRoomBytes;
  }

  take(maxBytes: number): Uint8Array {
    const chunk = this.#queue.take(Math.min(maxBytes, this.#sendCreditBytes));
    this.#sendCreditBytes -= chunk.length;
    if (this.#wantsDrain && this.#queue.bytes <= SEND_LOW_BYTES) {
      this.#wantsDrain = false;
      this.#owner.sentSoon(this);
    }
    return chunk;
  }

  get ending(): boolean {
    return this.#endAsked && this.#queue.bytes === 0;
  }

  ended(): Uint8Array | undefined {
    this.#localEnded = true;
    if (this.#remoteEnded) {
      this.#close();
      this.#owner.sentSoon(this);
    }
    return this.#trailersFrame;
  }

  /** Tells the writer that there is room again, or that its end has left and was the last. */
  sent(): void {
    if (!this.#localEnded) this.#handler?.onDrain();
    else if (this.#over) this.#tellOver();
  }

  /** The CREDIT frame that is due, if one is. */
  grant(
    nowMs: number,
    link: { rttMs: number | undefined; pressed: boolean },
  ): Uint8Array | undefined {
    if (this.#remoteEnded) return undefined;
    const bytes = this.#window.grant(nowMs, link);
    return bytes === 0 ? undefined : encodeCreditFrame(this.id, bytes);
  }

  // ── what the peer's frames do ──

  receiveHead(head: Head): void {
    if (this.#headDone || this.#remoteEnded)
      throw new ProtocolViolation("A second HEAD on a stream");
    this.#headDone = true;
    this.#handler?.onHead(head);
  }

  receiveData(payload: Uint8Array, ended: boolean): void {
    this.#checkOpen();
    this.#window.receive(payload.length);
    this.#owner.hold(payload.length);
    if (payload.length > 0) this.#pass(payload);
    if (ended) this.receiveEnd(undefined);
  }

  #pass(payload: Uint8Array): void {
    const handler = this.#handler;
    if (handler === undefined) return;
    handler.onData(handler.borrows === true ? payload : new Uint8Array(payload));
  }

  receiveEnd(trailers: Trailers | undefined): void {
    if (this.#over) return;
    this.#checkOpen();
    this.#remoteEnded = true;
    if (this.#localEnded) this.#close();
    this.#handler?.onEnd(trailers);
    if (this.#over) this.#tellOver();
  }

  #tellOver(): void {
    const handler = this.#handler;
    this.#handler = undefined;
    handler?.onOver?.();
  }

  receiveCredit(bytes: number): void {
    if (this.#sendCreditBytes + bytes > MAX_CREDIT_BYTES) {
      throw new ProtocolViolation("A stream was granted too much credit");
    }
    this.#sendCreditBytes += bytes;
    if (this.sendable) this.#owner.sendSoon(this);
  }

  receiveAbort(payload: Uint8Array): void {
    const { wire, unsent, reason } = decodeAbort(payload);
    const code = errorCodeOfWire(wire) ?? "internal";
    this.lose(new ProxyError(code, reason.slice(0, MAX_REASON_CHARS), { unsent }));
  }

  /** Ends both directions because of `error`, and says so to the own handler. */
  lose(error: ProxyError): void {
    if (this.#over) return;
    const handler = this.#handler;
    this.#releaseBacklog();
    this.#handler = undefined;
    this.#close();
    handler?.onError(error);
  }

  /** Ends both directions here and at the peer, and says so to the own handler. */
  fail(error: ProxyError): void {
    const handler = this.#handler;
    this.abort(error.code, error.message);
    handler?.onError(error);
  }

  /** `false` when they are too large, which ends the stream: never a short success (faults F1). */
  #encodeTrailers(trailers: Trailers): boolean {
    try {
      this.#trailersFrame = encodeJsonFrame(FRAME.trailers, this.id, trailers);
      return true;
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      this.fail(new ProxyError("target_protocol_error", "The trailers are too large"));
      return false;
    }
  }

  #checkOpen(): void {
    if (this.#remoteEnded) throw new ProtocolViolation("Data after the end of a stream");
    if (this.#owner.opens && !this.#headDone) throw new ProtocolViolation("Data before HEAD");
  }

  #close(): void {
    const lateBytes = this.#remoteEnded ? 0 : this.#window.creditBytes;
    this.#localEnded = true;
    this.#remoteEnded = true;
    this.#queue.clear();
    this.#owner.forget(this, lateBytes);
  }

  /** What was received is no longer wanted: it must not count as held any more. */
  #releaseBacklog(): void {
    const backlog = this.#window.drain(this.#window.backlogBytes);
    if (backlog > 0) this.#owner.release(backlog);
  }
}
