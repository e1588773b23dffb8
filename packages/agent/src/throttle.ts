/**
 * The operator's limit in Mbit/s, over all streams together. A stream that has spent more than there is pauses:
 * its writer is told to wait, and credit for what it received is held back until the debt is paid.
 */
import type { ErrorCode, ProxyError } from "@porchlight/protocol/errors";
import type { Head, Trailers } from "@porchlight/protocol/message";
import type { Stream, StreamHandler } from "@porchlight/protocol/stream";
import type { Clock } from "@porchlight/runtime/clock";
import { ByteRate } from "./byte-rate.ts";

/** Shortest pause: finer ones only cost timers. Milliseconds. */
const MIN_PAUSE_MS = 10;

/** The one allowance all streams of an agent share. */
export class Throttle {
  readonly #rate: ByteRate;
  readonly #clock: Clock;
  #waiting: (() => void)[] = [];
  #isPaused = false;

  constructor(bytesPerSecond: number, clock: Clock) {
    this.#clock = clock;
    this.#rate = new ByteRate(bytesPerSecond, clock.nowMs);
  }

  /** Too much has been spent; `whenPaid` tells when to go on. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  spend(bytes: number): void {
    const waitMs = this.#rate.spend(bytes, this.#clock.nowMs);
    if (waitMs === 0 || this.#isPaused) return;
    this.#isPaused = true;
    this.#clock.schedule(Math.max(waitMs, MIN_PAUSE_MS), this.#onTimer);
  }

  /** Calls `act` once the debt is paid. */
  whenPaid(act: () => void): void {
    this.#waiting.push(act);
  }

  readonly #onTimer = (): void => {
    this.#isPaused = false;
    // More may have been spent during the pause.
    this.spend(0);
    if (this.#isPaused) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const act of waiting) act();
  };
}

/** A stream under a throttle; `attach` the one who works with it before anything comes. */
export class ThrottledStream implements Stream, StreamHandler {
  readonly id: number;
  readonly #stream: Stream;
  readonly #throttle: Throttle;
  #handler: StreamHandler | undefined;
  #heldCreditBytes = 0;
  #waitsForStream = false;
  #waitsForThrottle = false;

  constructor(stream: Stream, throttle: Throttle) {
    this.id = stream.id;
    this.#stream = stream;
    this.#throttle = throttle;
  }

  get borrows(): boolean {
    return this.#handler?.borrows ?? false;
  }

  attach(handler: StreamHandler): void {
    this.#handler = handler;
  }

  // ── what its user does ──

  head(head: Head): void {
    this.#stream.head(head);
  }

  write(chunk: Uint8Array, roomBytes?: number): boolean {
    if (!this.#stream.write(chunk, roomBytes)) this.#waitsForStream = true;
    this.#throttle.spend(chunk.length);
    if (this.#throttle.isPaused) this.#pauseWriter();
    return !this.#waitsForStream && !this.#waitsForThrottle;
  }

  end(trailers?: Trailers): void {
    this.#stream.end(trailers);
  }

  abort(code: ErrorCode, reason: string, unsent?: boolean): void {
    this.#stream.abort(code, reason, unsent);
  }

  consume(bytes: number): void {
    this.#throttle.spend(bytes);
    if (!this.#throttle.isPaused) {
      this.#stream.consume(bytes);
      return;
    }
    if (this.#heldCreditBytes === 0) this.#throttle.whenPaid(this.#giveCredit);
    this.#heldCreditBytes += bytes;
  }

  // ── what the peer does ──

  onHead(head: Head): void {
    this.#handler?.onHead(head);
  }

  onData(chunk: Uint8Array): void {
    this.#handler?.onData(chunk);
  }

  onEnd(trailers: Trailers | undefined): void {
    this.#handler?.onEnd(trailers);
  }

  onDrain(): void {
    this.#waitsForStream = false;
    if (!this.#waitsForThrottle) this.#handler?.onDrain();
  }

  onError(error: ProxyError): void {
    this.#handler?.onError(error);
  }

  // ── inside ──

  #pauseWriter(): void {
    if (this.#waitsForThrottle) return;
    this.#waitsForThrottle = true;
    this.#throttle.whenPaid(this.#resumeWriter);
  }

  readonly #resumeWriter = (): void => {
    this.#waitsForThrottle = false;
    if (!this.#waitsForStream) this.#handler?.onDrain();
  };

  readonly #giveCredit = (): void => {
    const bytes = this.#heldCreditBytes;
    this.#heldCreditBytes = 0;
    this.#stream.consume(bytes);
  };
}
