/** Why no agent could be chosen: the difference between "nobody is like that" and "all of them are busy". */
import { isAvailable, isServing, type Candidate } from "./candidate.ts";
import { describeFilter, isWished, matches, type ExitWish } from "./exit-filter.ts";
import type { Pacing } from "./pacing.ts";

/** What may hold exits back, and when. */
export interface PacingNow<R extends object> {
  readonly pacing: Pacing<R> | undefined;
  readonly nowMs: number;
}

/** Whether some agent that has not been tried matches and takes work, now or when it has room again. */
export function hasServing<R extends Candidate>(records: readonly R[], wish: ExitWish<R>): boolean {
  return records.some((record) => isServing(record) && isWished(record, wish));
}

/** One sentence for the `no_agent_available` error: who is missing, or how many are busy, paced or paused. */
export function explainShortage<R extends Candidate>(
  records: readonly R[],
  { filter, target, only }: ExitWish<R>,
  { pacing, nowMs }: PacingNow<R>,
): string {
  const matching = (only === undefined ? records : [only]).filter(
    (record) => record.link !== undefined && matches(record, filter),
  );
  const serving = matching.filter(isServing).length;
  const idle = matching.length - serving;
  const isPaced = (record: R): boolean =>
    isAvailable(record) && (pacing?.opensAtMs(record, target) ?? nowMs) > nowMs;
  if (pacing !== undefined && matching.some(isPaced)) {
    const who = only === undefined ? countMatching(serving) : "The session's exit is";
    return `${who} busy or paced: ${pacing.rules} through one exit to ${target.domain}`;
  }
  if (only !== undefined) return "The session's exit is busy";
  if (serving > 0) return `${countMatching(serving)} busy`;
  if (idle > 0) return `${countMatching(idle)} paused or draining`;
  if (filter.narrow) return `No connected agent matches ${describeFilter(filter)}`;
  return filter.tunnel ? "No connected agent carries tunnels" : "No agent is connected";
}

function countMatching(count: number): string {
  return count === 1 ? "The only matching agent is" : `All ${count} matching agents are`;
}
