/**
 * When to dial again: for ever, with full jitter (a uniform part of the bound), so that agents cut off together
 * come back spread out. The bound is 5 s for the first retry, wide enough for a thousand agents at once
 * (faults F4), then 2, 4, 8, 16, 30, 30 … s. It starts anew only after a link that held for 30 s.
 */

/** Bounds of the delays, in order; the last one repeats. Milliseconds. */
const BOUNDS_MS = [5_000, 2_000, 4_000, 8_000, 16_000, 30_000] as const;
const LONGEST_MS = 30_000;

/** A link that held this long was a good one. Milliseconds. */
const HEALTHY_MS = 30_000;

/** Delays between attempts to connect. Pure: time and chance are arguments. */
export class Backoff {
  readonly #random: () => number;
  #failures = 0;
  #openedAtMs: number | undefined;

  /** `random` gives numbers from 0 to below 1; default `Math.random`. */
  constructor({ random = Math.random }: { readonly random?: () => number } = {}) {
    this.#random = random;
  }

  /** The link is up; call it once per link. */
  succeeded(nowMs: number): void {
    this.#openedAtMs = nowMs;
  }

  /** The link or the attempt has failed: how long to wait before the next one. Milliseconds, 0 to below 30,000. */
  nextDelayMs(nowMs: number): number {
    const openedAtMs = this.#openedAtMs;
    this.#openedAtMs = undefined;
    if (openedAtMs !== undefined && nowMs - openedAtMs >= HEALTHY_MS) this.#failures = 0;
    const boundMs = BOUNDS_MS[this.#failures] ?? LONGEST_MS;
    this.#failures += 1;
    return Math.floor(this.#random() * boundMs);
  }

  /** Forgets all failures: the network has changed, or the machine woke from sleep (faults F23). */
  reset(): void {
    this.#failures = 0;
    this.#openedAtMs = undefined;
  }
}
