import type { Clock } from "@porchlight/runtime/clock";

/** How often the clock is looked at: what a wake-up costs at most before it is seen. Milliseconds. */
const TICK_MS = 2_000;

/** A tick that is later than this by the wall clock was a sleep. Milliseconds. */
const SLEEP_MS = 10_000;

/** Both clocks, and who hears that the machine was asleep. */
export interface WakeWatchOptions {
  readonly clock: Clock;
  /** Wall clock, Unix epoch milliseconds: the monotonic one may stand still in sleep. */
  readonly wallMs: () => number;
  readonly onWake: () => void;
}

/** Tells when the machine has slept (or its clock was set): a tick comes far too late (faults F23). */
export class WakeWatch {
  readonly #options: WakeWatchOptions;
  #lastTickMs: number;
  #callOff: () => void;

  constructor(options: WakeWatchOptions) {
    this.#options = options;
    this.#lastTickMs = options.wallMs();
    this.#callOff = options.clock.schedule(TICK_MS, this.#tick);
  }

  stop(): void {
    this.#callOff();
  }

  readonly #tick = (): void => {
    const nowMs = this.#options.wallMs();
    const wasAsleep = nowMs - this.#lastTickMs > TICK_MS + SLEEP_MS;
    this.#lastTickMs = nowMs;
    this.#callOff = this.#options.clock.schedule(TICK_MS, this.#tick);
    if (wasAsleep) this.#options.onWake();
  };
}
