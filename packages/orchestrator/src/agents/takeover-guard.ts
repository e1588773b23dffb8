/** Takeovers of one identity within the window that are taken for reconnects of one program. */
export const MAX_TAKEOVERS = 3;

/** The window takeovers are counted in, and how long an identity is parked. Milliseconds. */
export const PARK_MS = 60_000;

/**
 * Tells a program that reconnects from two programs that fight over one identity: more than 3 takeovers of a
 * live link within 60 s park the identity for 60 s (faults G12). Time is an argument, monotonic milliseconds.
 */
export class TakeoverGuard {
  readonly #takenAtMs: number[] = [];
  #parkedUntilMs = Number.NEGATIVE_INFINITY;

  parked(nowMs: number): boolean {
    return nowMs < this.#parkedUntilMs;
  }

  /** Notes a takeover; `false` when it is one too many, and the identity is parked from now on. */
  allow(nowMs: number): boolean {
    while (this.#takenAtMs[0] !== undefined && nowMs - this.#takenAtMs[0] >= PARK_MS) {
      this.#takenAtMs.shift();
    }
    if (this.#takenAtMs.length < MAX_TAKEOVERS) {
      this.#takenAtMs.push(nowMs);
      return true;
    }
    this.#takenAtMs.length = 0;
    this.#parkedUntilMs = nowMs + PARK_MS;
    return false;
  }
}
