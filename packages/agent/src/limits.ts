/**
 * When this agent takes no work: outside the operator's hours, and once the month's bytes are used up. Time is
 * an argument; whoever owns this asks again from time to time.
 */
import type { Hours } from "@porchlight/runtime/settings-parsers";
import { formatHours, isWithinHours } from "./hours.ts";

/** 10⁹: what line contracts mean. Bytes. */
const GB = 1_000_000_000;

/** Work that runs when the hours end may go on this long. Milliseconds. */
const HOURS_GRACE_MS = 60_000;

/** The operator's limits in time and volume. */
export interface OperatorLimits {
  readonly hours: Hours | undefined;
  /** Bytes exchanged with targets, both directions, per calendar month of local time. */
  readonly monthlyCapGb: number | undefined;
}

/** Why no work is taken. */
export interface Pause {
  /** For people, here and at the orchestrator. */
  readonly reason: string;
  /** How long what runs may go on. Milliseconds. */
  readonly graceMs: number;
}

/** Whether the limits forbid work at `time`, with `usedBytes` exchanged in its month. */
export function pauseAt(limits: OperatorLimits, time: Date, usedBytes: number): Pause | undefined {
  const { hours, monthlyCapGb } = limits;
  if (monthlyCapGb !== undefined && usedBytes >= monthlyCapGb * GB) {
    return { reason: `The month's ${monthlyCapGb} GB are used up`, graceMs: 0 };
  }
  if (hours !== undefined && !isWithinHours(hours, time)) {
    return { reason: `Takes work only at ${formatHours(hours)}`, graceMs: HOURS_GRACE_MS };
  }
  return undefined;
}

/** Whether there is any limit to watch. */
export function hasLimits(limits: OperatorLimits): boolean {
  return limits.hours !== undefined || limits.monthlyCapGb !== undefined;
}
