/** Why no agent could be chosen: the difference between "nobody is like that" and "all of them are busy". */
import { isServing, type Candidate } from "./candidate.ts";
import { describeFilter, matches, type ExitFilter, type ExitWish } from "./exit-filter.ts";

/** Whether some agent that has not been tried matches and takes work, now or when it has room again. */
export function hasServing<R extends Candidate>(
  records: readonly R[],
  { filter, tried }: ExitWish<R>,
): boolean {
  return records.some(
    (record) => isServing(record) && !tried.includes(record) && matches(record, filter),
  );
}

/** One sentence for the `no_agent_available` error: who is missing, or how many are busy or paused. */
export function explainShortage(records: readonly Candidate[], filter: ExitFilter): string {
  let serving = 0;
  let idle = 0;
  for (const record of records) {
    if (record.link === undefined || !matches(record, filter)) continue;
    if (isServing(record)) serving++;
    else idle++;
  }
  if (serving > 0) return `${countMatching(serving)} busy`;
  if (idle > 0) return `${countMatching(idle)} paused or draining`;
  if (filter.narrow) return `No connected agent matches ${describeFilter(filter)}`;
  return filter.tunnel ? "No connected agent carries tunnels" : "No agent is connected";
}

function countMatching(count: number): string {
  return count === 1 ? "The only matching agent is" : `All ${count} matching agents are`;
}
