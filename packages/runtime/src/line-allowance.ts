import { TokenBucket } from "@porchlight/protocol/token-bucket";

/** How many lines may be written. */
export interface LineRate {
  /** At once. */
  readonly burst: number;
  /** In the long run. */
  readonly perSecond: number;
}

/** What a line says besides its own fields. */
export interface Suppressed {
  /** Lines left out since the last one; not there when there was none. */
  readonly suppressed?: number;
}

/** Log lines that strangers can cause: so many are written, the others are counted and told in the next one. */
export class LineAllowance {
  readonly #bucket: TokenBucket;
  #suppressed = 0;

  constructor({ burst, perSecond }: LineRate, nowMs: number) {
    this.#bucket = new TokenBucket(burst, perSecond, nowMs);
  }

  /** What the line says in addition; `undefined` when it is not to be written. */
  take(nowMs: number): Suppressed | undefined {
    if (!this.#bucket.take(nowMs)) {
      this.#suppressed++;
      return undefined;
    }
    const suppressed = this.#suppressed;
    this.#suppressed = 0;
    return suppressed === 0 ? {} : { suppressed };
  }
}
