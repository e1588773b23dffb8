/** What may be spent at once: a tenth of a second's worth, and at least one data frame. */
const BURST_SECONDS = 0.1;
const MIN_BURST_BYTES = 64 * 1024;

/**
 * A rate in bytes that may be overdrawn: bytes that have come are spent, and whoever spent them waits until the
 * debt is paid. Time is an argument, monotonic milliseconds.
 */
export class ByteRate {
  readonly #bytesPerMs: number;
  readonly #burstBytes: number;
  #balanceBytes: number;
  #countedAtMs: number;

  constructor(bytesPerSecond: number, nowMs: number) {
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.#burstBytes = Math.max(MIN_BURST_BYTES, bytesPerSecond * BURST_SECONDS);
    this.#balanceBytes = this.#burstBytes;
    this.#countedAtMs = nowMs;
  }

  /** Spends `bytes`; returns the milliseconds to wait before spending more, 0 for none. */
  spend(bytes: number, nowMs: number): number {
    const elapsedMs = Math.max(0, nowMs - this.#countedAtMs);
    this.#countedAtMs = nowMs;
    const refilled = this.#balanceBytes + elapsedMs * this.#bytesPerMs;
    this.#balanceBytes = Math.min(this.#burstBytes, refilled) - bytes;
    return this.#balanceBytes >= 0 ? 0 : Math.ceil(-this.#balanceBytes / this.#bytesPerMs);
  }
}
