import type { Clock } from "@porchlight/runtime/clock";
import { type LedgerEntry, monthOf } from "./ledger.ts";
import { type OperatorLimits, type Pause, hasLimits, pauseAt } from "./limits.ts";

/** How often the limits are looked at: what may go over them at most. Milliseconds. */
const LOOK_EVERY_MS = 1_000;

/** The limits to watch, what they are measured by, and who hears of a pause; `now` is the wall clock. */
export interface LimitWatchOptions {
  readonly limits: OperatorLimits;
  readonly clock: Clock;
  readonly now: () => Date;
  /** Bytes of a month that an earlier run has used. */
  readonly usedInMonth: (time: Date) => Promise<number>;
  /** Bytes of work not yet ended. */
  readonly runningBytes: () => number;
  readonly onChange: (pause: Pause | undefined) => void;
  /** Work that still runs has had its grace; called at every look while the pause lasts. */
  readonly onOverdue: (pause: Pause) => void;
}

/** Watches the operator's hours and monthly cap; without either it costs nothing. */
export class LimitWatch {
  readonly #options: LimitWatchOptions;
  #pause: Pause | undefined;
  #pausedAtMs = 0;
  #month: string;
  #usedBytes = 0;
  #callOff: (() => void) | undefined;

  constructor(options: LimitWatchOptions) {
    this.#options = options;
    this.#month = monthOf(options.now());
  }

  /** Why no work is taken at the moment. */
  get pause(): Pause | undefined {
    return this.#pause;
  }

  /** Begins to watch; what the month has used so far is known when this resolves. */
  async start(): Promise<void> {
    const { limits, usedInMonth, now } = this.#options;
    if (!hasLimits(limits)) return;
    if (limits.monthlyCapGb !== undefined) this.#usedBytes += await usedInMonth(now());
    this.#look();
  }

  stop(): void {
    this.#callOff?.();
    this.#callOff = undefined;
  }

  /** Work has ended and used these bytes. */
  used(entry: Pick<LedgerEntry, "sentBytes" | "receivedBytes">): void {
    this.#usedBytes += entry.sentBytes + entry.receivedBytes;
  }

  readonly #look = (): void => {
    const { limits, clock, now, runningBytes } = this.#options;
    const time = now();
    if (monthOf(time) !== this.#month) {
      this.#month = monthOf(time);
      this.#usedBytes = 0;
    }
    this.#callOff = clock.schedule(LOOK_EVERY_MS, this.#look);
    this.#set(pauseAt(limits, time, this.#usedBytes + runningBytes()));
  };

  #set(pause: Pause | undefined): void {
    const { clock, onChange, onOverdue } = this.#options;
    const before = this.#pause;
    this.#pause = pause;
    if (pause?.reason !== before?.reason) {
      this.#pausedAtMs = clock.nowMs;
      onChange(pause);
    }
    if (pause !== undefined && clock.nowMs - this.#pausedAtMs >= pause.graceMs) onOverdue(pause);
  }
}
