/** An allowance that refills with time: never more than `burst` and `perSecond` × elapsed together. */
export class TokenBucket {
  readonly #burst: number;
  readonly #perSecond: number;
  #tokens: number;
  #filledAtMs: number;

  constructor(burst: number, perSecond: number, nowMs: number) {
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#tokens = burst;
    this.#filledAtMs = nowMs;
  }

  /** Takes one token; `false` when there is none. A clock that goes back takes away what it will bring once more. */
  take(nowMs: number): boolean {
    // Each time, not only when it is empty: what a full bucket cannot hold must not fill it later.
    const brought = ((nowMs - this.#filledAtMs) * this.#perSecond) / 1000;
    this.#tokens = Math.min(this.#burst, this.#tokens + brought);
    this.#filledAtMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
