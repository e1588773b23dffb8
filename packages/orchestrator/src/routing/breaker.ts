/**
 * Whether to go easy on something that keeps failing:
 *
 *   closed ──failures in a row──▶ cooling down ──time──▶ due ──chosen──▶ probing ──success──▶ closed
 *                                      ▲                                    │ failure
 *                                      └────────── for twice as long ───────┘
 *
 * A success is not noted here: whoever keeps the breaker forgets it, and with it all that was held against the thing.
 * Times are milliseconds of any one monotonic clock.
 */

/** Failures in a row that open a closed breaker. */
export const FAILURES_TO_OPEN = 3;

/** First cool-down; each probe that fails doubles it. Milliseconds. */
export const FIRST_COOL_DOWN_MS = 5_000;

/** Longest cool-down. Milliseconds. */
export const MAX_COOL_DOWN_MS = 300_000;

/** A probe that says nothing for so long is given up, and the next one may go. Milliseconds. */
export const MAX_PROBE_MS = 30_000;

/** The failures of one thing since its last success. */
export class Breaker {
  #failures = 0;
  /** 0 while closed. */
  #coolDownMs = 0;
  /** End of the cool-down, or of the time a probe has. */
  #untilMs = 0;
  #probing = false;

  get isOpen(): boolean {
    return this.#coolDownMs > 0;
  }

  /** Until when others are to be preferred: while it cools down, and while a probe is out; 0 when they are not. */
  coolUntilMs(nowMs: number): number {
    return this.#untilMs > nowMs ? this.#untilMs : 0;
  }

  /** It is about to be tried; after a cool-down this is the probe. */
  chosen(nowMs: number): void {
    if (!this.isOpen || this.#untilMs > nowMs) return;
    this.#probing = true;
    this.#untilMs = nowMs + MAX_PROBE_MS;
  }

  failed(nowMs: number): void {
    // Work that began before it opened, or that had no other choice, says nothing new.
    if (this.isOpen && !this.#probing && this.#untilMs > nowMs) return;
    this.#failures++;
    if (this.#failures < FAILURES_TO_OPEN) return;
    this.#coolDownMs = this.isOpen
      ? Math.min(this.#coolDownMs * 2, MAX_COOL_DOWN_MS)
      : FIRST_COOL_DOWN_MS;
    this.#untilMs = nowMs + this.#coolDownMs;
    this.#probing = false;
  }

  /** Work ended without a word about it: if that was the probe, the next one may go. */
  undecided(nowMs: number): void {
    if (!this.#probing) return;
    this.#probing = false;
    this.#untilMs = nowMs;
  }
}
