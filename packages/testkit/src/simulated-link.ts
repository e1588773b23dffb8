/**
 * Two ends of a carrier in one process on a virtual clock: messages arrive after the latency, in order, as
 * fast as the line allows; the line can be cut with or without its ends hearing of it. Deterministic.
 */
import type { OutgoingMessage, Transport, TransportHandler } from "@porchlight/protocol/transport";
import type { VirtualClock } from "./virtual-clock.ts";

/** How good the line is. */
export interface SimulatedLineOptions {
  /** One way. Milliseconds; default 0. */
  readonly latencyMs?: number;
  /** Each way; default unlimited. */
  readonly bytesPerSecond?: number;
  /** `send` beyond this asks the sender to wait for `onDrain`. Default 64 KiB. */
  readonly highWaterBytes?: number;
}

/** The line and its two ends. */
export interface SimulatedLink {
  readonly a: SimulatedEnd;
  readonly b: SimulatedEnd;
  /** The line dies and nobody hears of it: whatever is or will be sent is lost. */
  silence(): void;
  /** The line breaks: what is under way is lost, both ends hear `onClose` (1006) at once. */
  cut(): void;
}

/** Makes a line and its two ends. */
export function simulatedLink(
  clock: VirtualClock,
  options: SimulatedLineOptions = {},
): SimulatedLink {
  const a = new SimulatedEnd(clock, options);
  const b = new SimulatedEnd(clock, options);
  a.join(b);
  b.join(a);
  return {
    a,
    b,
    silence() {
      a.silent = true;
      b.silent = true;
    },
    cut() {
      a.hearClose(1006, "");
      b.hearClose(1006, "");
    },
  };
}

/** One end of a simulated line. */
export class SimulatedEnd implements Transport {
  silent = false;
  /** Messages handed over since the start. */
  sentMessages = 0;
  bufferedBytes = 0;
  readonly #clock: VirtualClock;
  readonly #latencyMs: number;
  readonly #bytesPerSecond: number;
  readonly #highWaterBytes: number;
  #peer: SimulatedEnd | undefined;
  #handler: TransportHandler | undefined;
  #closed = false;
  #lineFreeMs = 0;
  #drainWanted = false;

  constructor(clock: VirtualClock, options: SimulatedLineOptions) {
    this.#clock = clock;
    this.#latencyMs = options.latencyMs ?? 0;
    this.#bytesPerSecond = options.bytesPerSecond ?? Number.POSITIVE_INFINITY;
    this.#highWaterBytes = options.highWaterBytes ?? 64 * 1024;
  }

  get closed(): boolean {
    return this.#closed;
  }

  join(peer: SimulatedEnd): void {
    this.#peer = peer;
  }

  setHandler(handler: TransportHandler): void {
    this.#handler = handler;
  }

  send({ parts, totalBytes }: OutgoingMessage): void {
    if (this.#closed) return;
    this.sentMessages++;
    const message = Buffer.concat(parts, totalBytes);
    this.bufferedBytes += totalBytes;
    if (this.bufferedBytes > this.#highWaterBytes) this.#drainWanted = true;
    const leftMs = this.#leaveLineMs(totalBytes) - this.#clock.nowMs;
    this.#clock.schedule(leftMs, () => this.#onLeft(totalBytes));
    this.#clock.schedule(leftMs + this.#latencyMs, () => {
      if (!this.silent) this.#peer?.hearMessage(message);
    });
  }

  close(code: number, reason: string): void {
    if (this.#closed) return;
    const leftMs = this.#leaveLineMs(0) - this.#clock.nowMs;
    this.#clock.schedule(leftMs + this.#latencyMs, () => {
      if (!this.silent) this.#peer?.hearClose(code, reason);
    });
    this.hearClose(code, reason);
  }

  abort(): void {
    if (this.#closed) return;
    this.#clock.schedule(this.#latencyMs, () => {
      if (!this.silent) this.#peer?.hearClose(1006, "");
    });
    this.hearClose(1006, "");
  }

  hearMessage(message: Uint8Array): void {
    if (this.#closed) return;
    const lent = new Uint8Array(message);
    this.#handler?.onMessage(lent, true);
    // As a carrier does that reads into the same memory again: whoever kept a view now sees this.
    lent.fill(0xdb);
  }

  hearClose(code: number, reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#handler?.onClose(code, reason);
  }

  #leaveLineMs(bytes: number): number {
    const sendMs = (bytes / this.#bytesPerSecond) * 1000;
    this.#lineFreeMs = Math.max(this.#clock.nowMs, this.#lineFreeMs) + sendMs;
    return this.#lineFreeMs;
  }

  #onLeft(bytes: number): void {
    this.bufferedBytes -= bytes;
    if (!this.#drainWanted || this.bufferedBytes > 0 || this.#closed) return;
    this.#drainWanted = false;
    this.#handler?.onDrain();
  }
}
