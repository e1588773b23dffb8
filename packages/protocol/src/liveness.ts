/**
 * Whether the peer still lives, and how far away it is. Any received byte counts as life; a ping goes out
 * every interval (orchestrator) or after one silent interval (agent); two silent intervals mean dead.
 * Source: docs/protocol.md §8; faults G14, F2.
 */

/** Samples whose shortest counts: two minutes at the usual interval. A line may change for the worse. */
const SHORTEST_OF = 8;

/** Weight of a new sample in the smoothed round trip. Source: RFC 6298 §2 (alpha). */
const RTT_GAIN = 1 / 8;

/** The signs of life of one link; all times are milliseconds of one monotonic clock. */
export class Liveness {
  readonly #intervalMs: number;
  readonly #pingsWhileActive: boolean;
  #lastReceivedMs: number;
  #lastPingMs: number;
  #pingSequence = 0;
  #awaitedSequence = 0;
  #rttMs: number | undefined;
  readonly #latestMs: number[] = [];

  /** @param pingsWhileActive ping every interval even when bytes arrive, so that the round trip is known */
  constructor(intervalMs: number, pingsWhileActive: boolean, nowMs: number) {
    this.#intervalMs = intervalMs;
    this.#pingsWhileActive = pingsWhileActive;
    this.#lastReceivedMs = nowMs;
    this.#lastPingMs = Number.NEGATIVE_INFINITY;
  }

  get rttMs(): number | undefined {
    return this.#rttMs;
  }

  /** The shortest round trip of late: that of the line alone, without what waits in front of it. */
  get shortestRttMs(): number | undefined {
    return this.#latestMs.length === 0 ? undefined : Math.min(...this.#latestMs);
  }

  received(nowMs: number): void {
    this.#lastReceivedMs = nowMs;
  }

  /** Two intervals without a byte. */
  isDead(nowMs: number): boolean {
    return nowMs >= this.#lastReceivedMs + 2 * this.#intervalMs;
  }

  pingDue(nowMs: number): boolean {
    return nowMs >= this.#pingDueAtMs();
  }

  /** When to look again. */
  nextTimeoutMs(): number {
    return Math.min(this.#pingDueAtMs(), this.#lastReceivedMs + 2 * this.#intervalMs);
  }

  /** Counts a ping that goes out now; returns the number it carries. */
  ping(nowMs: number): number {
    this.#lastPingMs = nowMs;
    this.#pingSequence = (this.#pingSequence + 1) >>> 0;
    this.#awaitedSequence = this.#pingSequence;
    return this.#pingSequence;
  }

  /** Takes the answer to the newest ping as a sample; others are old or invented and tell nothing. */
  pong(sequence: number, nowMs: number): void {
    if (sequence === 0 || sequence !== this.#awaitedSequence) return;
    this.#awaitedSequence = 0;
    const sampleMs = nowMs - this.#lastPingMs;
    if (this.#latestMs.push(sampleMs) > SHORTEST_OF) this.#latestMs.shift();
    this.#rttMs =
      this.#rttMs === undefined ? sampleMs : this.#rttMs + RTT_GAIN * (sampleMs - this.#rttMs);
  }

  #pingDueAtMs(): number {
    const since = this.#pingsWhileActive
      ? this.#lastPingMs
      : Math.max(this.#lastPingMs, this.#lastReceivedMs);
    return since + this.#intervalMs;
  }
}
