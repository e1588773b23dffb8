/**
 * The credit one side of a stream has granted to the other.
 *
 * The window is how far the peer may be ahead of what has been drained here. Credit goes back once a quarter
 * of the window has been drained. Each time a whole window has been drained, its rate and the shortest round trip
 * tell what the line holds; the window grows to a little more than that: the stream fills the line, and little
 * waits in front of it that would hold up other streams. A reader that is what limits the stream gets no larger
 * window. Under memory pressure it halves, by keeping credit back.
 * Source: docs/protocol.md §6; the idea is TCP's dynamic right-sizing.
 */
import { MAX_WINDOW_BYTES, PRESSED_WINDOW_BYTES } from "./limits.ts";
import { ProtocolViolation } from "./frame.ts";

/** Credit goes back when 1 / this of the window has been drained. */
const CREDIT_SHARE = 4;

/**
 * The window in relation to what the line holds. With credit that comes back in quarters, four fifths of a window are
 * under way on average: a window that is too small grows by an eighth for each time it is drained.
 */
const WINDOW_SHARE = 1.4;

/** Growth at a time at most: a rate measured over little tells little. */
const MAX_GROWTH = 2;

/** Keeps a rate finite. Milliseconds. */
const MIN_EPOCH_MS = 0.01;

/** A reader that has let more than 1 / this of the window wait would only let more of a larger one wait. */
const BACKLOG_SHARE = 2;

/** Round trip assumed before one was measured. Milliseconds. */
const ASSUMED_RTT_MS = 100;

/** The window of one direction of one stream: at most MAX_WINDOW_BYTES, at least PRESSED_WINDOW_BYTES under pressure. */
export class ReceiveWindow {
  #windowBytes: number;
  #creditBytes: number;
  /** Received and not yet drained. */
  #backlogBytes = 0;
  /** Most that was received and not yet drained at once, in this epoch. */
  #peakBacklogBytes = 0;
  #drainedInEpochBytes = 0;
  #epochStartMs: number;

  constructor(windowBytes: number, nowMs: number) {
    this.#windowBytes = windowBytes;
    this.#creditBytes = windowBytes;
    this.#epochStartMs = nowMs;
  }

  get windowBytes(): number {
    return this.#windowBytes;
  }

  /** What the peer may still send. */
  get creditBytes(): number {
    return this.#creditBytes;
  }

  get backlogBytes(): number {
    return this.#backlogBytes;
  }

  /** Counts arriving data. @throws {ProtocolViolation} when it is more than the peer had credit for (faults G11) */
  receive(bytes: number): void {
    if (bytes > this.#creditBytes) {
      throw new ProtocolViolation(
        `A stream sent ${bytes} bytes with credit for ${this.#creditBytes}`,
      );
    }
    this.#creditBytes -= bytes;
    this.#backlogBytes += bytes;
    if (this.#backlogBytes > this.#peakBacklogBytes) this.#peakBacklogBytes = this.#backlogBytes;
  }

  /** Counts drained data, never more than there was; returns how many bytes that were. */
  drain(bytes: number): number {
    const drained = Math.min(bytes, this.#backlogBytes);
    this.#backlogBytes -= drained;
    this.#drainedInEpochBytes += drained;
    return drained;
  }

  /** Whether enough has been drained for credit to go back. */
  get creditDue(): boolean {
    const missing = this.#windowBytes - this.#backlogBytes - this.#creditBytes;
    return missing * CREDIT_SHARE >= this.#windowBytes;
  }

  /**
   * The credit to send now, 0 for none; counted as granted. The window adapts here.
   * @param link shortest round trip measured (`undefined` before the first) and whether memory is short
   */
  grant(
    nowMs: number,
    link: { readonly rttMs: number | undefined; readonly pressed: boolean },
  ): number {
    this.#adapt(nowMs, link);
    if (!this.creditDue) return 0;
    const increment = this.#windowBytes - this.#backlogBytes - this.#creditBytes;
    this.#creditBytes += increment;
    return increment;
  }

  #growTo(bytes: number): void {
    const largestBytes = Math.min(MAX_WINDOW_BYTES, this.#windowBytes * MAX_GROWTH);
    this.#windowBytes = Math.max(this.#windowBytes, Math.min(bytes, largestBytes));
  }

  #adapt(
    nowMs: number,
    link: { readonly rttMs: number | undefined; readonly pressed: boolean },
  ): void {
    if (link.pressed) {
      this.#windowBytes = Math.max(PRESSED_WINDOW_BYTES, this.#windowBytes >>> 1);
      return;
    }
    if (this.#drainedInEpochBytes < this.#windowBytes) return;
    const elapsedMs = Math.max(nowMs - this.#epochStartMs, MIN_EPOCH_MS);
    const isReaderAhead = this.#peakBacklogBytes * BACKLOG_SHARE <= this.#windowBytes;
    if (isReaderAhead) {
      const lineBytes = (this.#drainedInEpochBytes / elapsedMs) * (link.rttMs ?? ASSUMED_RTT_MS);
      this.#growTo(Math.floor(lineBytes * WINDOW_SHARE));
    }
    this.#drainedInEpochBytes = 0;
    this.#peakBacklogBytes = this.#backlogBytes;
    this.#epochStartMs = nowMs;
  }
}
