/** One timer for the earliest of many times. */
export class Alarm {
  readonly #now: () => number;
  readonly #ring: () => void;
  #timer: NodeJS.Timeout | undefined;
  #atMs = Number.POSITIVE_INFINITY;

  /** @param now milliseconds that never go back */
  constructor(now: () => number, ring: () => void) {
    this.#now = now;
    this.#ring = ring;
  }

  /** Rings at this time at the latest, once; for several times at the earliest of them, and whoever asked for a later one asks again. */
  ringBy(atMs: number): void {
    if (atMs >= this.#atMs) return;
    this.stop();
    this.#atMs = atMs;
    // A timer counts whole milliseconds; one that is early would find nothing due.
    const delayMs = Math.max(0, Math.ceil(atMs - this.#now()));
    this.#timer = setTimeout(() => {
      this.stop();
      this.#ring();
    }, delayMs);
  }

  /** Forgets the time. Idempotent. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#atMs = Number.POSITIVE_INFINITY;
  }
}
