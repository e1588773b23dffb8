/**
 * How fast each agent has answered lately: an exponentially weighted moving average whose memory is time,
 * not a number of answers. It fades while nothing is measured, so that an agent that was slow once is
 * tried again. Source: the peak-EWMA balancer of Finagle, without the peak.
 */

/** Time after which a measurement weighs 1/e. Milliseconds. */
const MEMORY_MS = 30_000;

interface Average {
  ms: number;
  measuredAtMs: number;
}

/** Averages by agent, forgotten with the agent. Times are milliseconds of any one monotonic clock. */
export class ResponseTimes<R extends object> {
  readonly #averages = new WeakMap<R, Average>();

  /** Takes one answer that took `ms` into account. */
  measured(record: R, ms: number, nowMs: number): void {
    const average = this.#averages.get(record);
    if (average === undefined) {
      this.#averages.set(record, { ms, measuredAtMs: nowMs });
      return;
    }
    // Answers that come together would otherwise weigh nothing: each counts for at least a tenth.
    const weight = Math.min(fading(average, nowMs), 0.9);
    average.ms = average.ms * weight + ms * (1 - weight);
    average.measuredAtMs = nowMs;
  }

  /** The faded average; `undefined` for an agent that was never measured. */
  expectedMs(record: R, nowMs: number): number | undefined {
    const average = this.#averages.get(record);
    return average === undefined ? undefined : average.ms * fading(average, nowMs);
  }
}

function fading(average: Average, nowMs: number): number {
  return Math.exp((average.measuredAtMs - nowMs) / MEMORY_MS);
}
