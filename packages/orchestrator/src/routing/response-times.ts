/**
 * How fast each agent has had answers from each domain lately: an exponentially weighted moving average whose
 * memory is time, not a number of answers. It fades while nothing is measured, so that an agent that was slow once
 * is tried again. Source: the peak-EWMA balancer of Finagle, without the peak.
 */
import { RecentMap } from "./recent-map.ts";

/** Time after which a measurement weighs 1/e. Milliseconds. */
const MEMORY_MS = 30_000;

/** What an agent that is asked for the first time is taken to need until it has answered. Milliseconds. */
export const UNKNOWN_MS = 1_000;

/** Domains remembered of one agent; beyond it the one measured longest ago is forgotten. */
export const MAX_TIMED_DOMAINS = 32;

interface Average {
  ms: number;
  measuredAtMs: number;
  /** Nothing has been measured yet: the first answer counts alone. */
  guessed: boolean;
}

/** Averages by agent and domain, forgotten with the agent. Times are milliseconds of any one monotonic clock. */
export class ResponseTimes<R extends object> {
  readonly #byAgent = new WeakMap<R, RecentMap<string, Average>>();

  /** The agent is about to be asked: others need not find out about it at the same time. */
  asked(record: R, domain: string, nowMs: number): void {
    const averages = this.#averagesOf(record);
    if (averages.get(domain) !== undefined) return;
    averages.set(domain, { ms: UNKNOWN_MS, measuredAtMs: nowMs, guessed: true });
  }

  /** Takes one answer that took `ms` into account. */
  measured(record: R, domain: string, { ms, nowMs }: { ms: number; nowMs: number }): void {
    const averages = this.#averagesOf(record);
    const average = averages.get(domain);
    // Answers that come together would otherwise weigh nothing: each counts for at least a tenth.
    const weight =
      average === undefined || average.guessed ? 0 : Math.min(fading(average, nowMs), 0.9);
    const earlierMs = average?.ms ?? 0;
    averages.set(domain, {
      ms: earlierMs * weight + ms * (1 - weight),
      measuredAtMs: nowMs,
      guessed: false,
    });
  }

  /** The faded average; `undefined` where nothing was ever asked or it is forgotten. */
  expectedMs(record: R, domain: string, nowMs: number): number | undefined {
    const average = this.#byAgent.get(record)?.get(domain);
    return average === undefined ? undefined : average.ms * fading(average, nowMs);
  }

  #averagesOf(record: R): RecentMap<string, Average> {
    let averages = this.#byAgent.get(record);
    if (averages === undefined) {
      averages = new RecentMap(MAX_TIMED_DOMAINS);
      this.#byAgent.set(record, averages);
    }
    return averages;
  }
}

function fading(average: Average, nowMs: number): number {
  return Math.exp((average.measuredAtMs - nowMs) / MEMORY_MS);
}
