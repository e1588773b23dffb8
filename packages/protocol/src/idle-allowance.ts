/**
 * How many frames that carry nothing a peer may send (faults G5): a burst, and a rate in the long run.
 *
 * Frames of streams that are over are a case of their own. When a stream is ended here, its peer may have as much
 * under way as it had credit for, and is not to blame for it: somebody who gives up many downloads at once must
 * not make an honest agent look like a flood. So much is taken from what is expected late before it counts.
 */
import { IDLE_FRAMES_PER_SECOND, IDLE_FRAME_BURST, LINK_BUDGET_BYTES } from "./limits.ts";
import { TokenBucket } from "./token-bucket.ts";

/** What a late frame takes at least of what is expected, however little it carries. Bytes. */
const MIN_LATE_BYTES = 256;

/** A stream that ends crosses at least with its HEAD, a CREDIT and its end. */
const LATE_FRAMES_PER_STREAM = 4;

/** The allowance of one link: a burst of IDLE_FRAME_BURST, then IDLE_FRAMES_PER_SECOND; time is given in milliseconds. */
export class IdleAllowance {
  readonly #frames: TokenBucket;
  #lateBytes = 0;

  constructor(nowMs: number) {
    this.#frames = new TokenBucket(IDLE_FRAME_BURST, IDLE_FRAMES_PER_SECOND, nowMs);
  }

  /** Takes a frame that carries nothing; `false` when that is one too many. */
  take(nowMs: number): boolean {
    return this.#frames.take(nowMs);
  }

  /** A stream has ended whose peer may still have `creditBytes` under way; no more than LINK_BUDGET_BYTES add up. */
  expectLate(creditBytes: number): void {
    const expectedBytes = creditBytes + LATE_FRAMES_PER_STREAM * MIN_LATE_BYTES;
    this.#lateBytes = Math.min(LINK_BUDGET_BYTES, this.#lateBytes + expectedBytes);
  }

  /** Takes a frame, or a piece of one, of a stream that is over; `false` when that is one too many. */
  takeLate(bytes: number, nowMs: number): boolean {
    const countedBytes = Math.max(bytes, MIN_LATE_BYTES);
    if (countedBytes > this.#lateBytes) return this.#frames.take(nowMs);
    this.#lateBytes -= countedBytes;
    return true;
  }
}
