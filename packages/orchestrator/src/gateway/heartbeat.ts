import { Liveness } from "@porchlight/protocol/liveness";
import type { Clock } from "@porchlight/runtime/clock";

interface HeartbeatOptions {
  readonly clock: Clock;
  readonly intervalMs: number;
  /** Sends a ping that carries `t`; its answer carries the same. */
  readonly ping: (t: number) => void;
  /** Two intervals have passed without a sign of life (faults G14); called once. */
  readonly dead: () => void;
}

/** Pings every interval, the first time at once, and tells when the peer is gone. */
export class Heartbeat {
  readonly #clock: Clock;
  readonly #liveness: Liveness;
  readonly #ping: (t: number) => void;
  readonly #dead: () => void;
  #lastReceivedMs: number;
  #callOff: (() => void) | undefined;
  #firedAtMs = 0;

  constructor(options: HeartbeatOptions) {
    this.#clock = options.clock;
    this.#lastReceivedMs = options.clock.nowMs;
    this.#liveness = new Liveness(options.intervalMs, true, this.#lastReceivedMs);
    this.#ping = options.ping;
    this.#dead = options.dead;
    this.#arm();
  }

  /** Milliseconds; `undefined` before the first answer. */
  get rttMs(): number | undefined {
    return this.#liveness.rttMs;
  }

  /** Unix epoch milliseconds. */
  get lastSeenAtMs(): number {
    return Math.round(Date.now() - (this.#clock.nowMs - this.#lastReceivedMs));
  }

  /** Something came from the peer. */
  received(): void {
    this.#lastReceivedMs = this.#clock.nowMs;
    this.#liveness.received(this.#lastReceivedMs);
  }

  /** The answer to a ping. */
  pong(t: number): void {
    this.#liveness.pong(t, this.#clock.nowMs);
  }

  stop(): void {
    this.#callOff?.();
    this.#callOff = undefined;
  }

  #arm(): void {
    const delayMs = Math.max(0, Math.ceil(this.#liveness.nextTimeoutMs() - this.#clock.nowMs));
    this.#callOff = this.#clock.schedule(delayMs, this.#due);
  }

  /**
   * Judged after the poll phase, by the time before it: bytes that waited while the event loop was blocked
   * count first, and a block in between counts for nobody's silence (faults F19).
   */
  readonly #due = (): void => {
    this.#firedAtMs = this.#clock.nowMs;
    this.#clock.soon(this.#beat);
  };

  readonly #beat = (): void => {
    if (this.#callOff === undefined) return;
    const nowMs = this.#firedAtMs;
    if (this.#liveness.isDead(nowMs)) {
      this.stop();
      this.#dead();
      return;
    }
    if (this.#liveness.pingDue(nowMs)) this.#ping(this.#liveness.ping(nowMs));
    this.#arm();
  };
}
