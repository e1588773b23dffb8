/**
 * Chooses the agent for one attempt, in a few microseconds out of ten thousand.
 *
 *   round-robin   goes on behind the last pick of the same filter, to the first agent with room
 *   random        looks at random agents until one has room
 *   least-busy    the smallest share of its concurrency in use, of a few random agents
 *   fastest       the smallest expected answer time × (work in flight + 1), of a few random agents;
 *                 an idle one that was never measured goes first
 *
 * "A few" is all of them in a small pool. When random looks find nobody, the whole list is walked once.
 * Source: M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 1996.
 */
import { isAvailable, type Candidate } from "./candidate.ts";
import { matches, type ExitWish } from "./exit-filter.ts";
import { ResponseTimes } from "./response-times.ts";
import { Shortlists, type FilterState, type Pool } from "./shortlist.ts";

/** The strategies of `ORCH_SELECTION`; the first is the default. */
export const SELECTION_STRATEGIES = ["round-robin", "random", "least-busy", "fastest"] as const;

/** One of `SELECTION_STRATEGIES`. */
export type SelectionStrategy = (typeof SELECTION_STRATEGIES)[number];

/** Up to this many agents are all compared. */
const SMALL_POOL = 16;

/** Random looks before the list is walked: with half the pool busy, all miss once in 4,096 times. */
const MAX_LOOKS = 12;

/** What an agent that is being tried for the first time is expected to take. Milliseconds. */
const UNKNOWN_MS = 1_000;

/** Agents with room that are compared: two are known to be enough, four forgive a crowded pool. */
const CHOICES = 4;

/** An agent that failed where another may do better counts as having taken this long at least. Milliseconds. */
const FAILED_MS = 5_000;

interface SelectorOptions<R> {
  readonly pool: Pool<R>;
  readonly strategy: SelectionStrategy;
  /** Uniform in [0, 1), as `Math.random`. */
  readonly random: () => number;
}

/** Chooses agents by one strategy. Times are milliseconds of any one monotonic clock. */
export class Selector<R extends Candidate> {
  readonly #strategy: SelectionStrategy;
  readonly #random: () => number;
  /** Agents compared in a large pool. */
  readonly #choices: number;
  readonly #shortlists: Shortlists<R>;
  readonly #times = new ResponseTimes<R>();

  constructor({ pool, strategy, random }: SelectorOptions<R>) {
    this.#shortlists = new Shortlists(pool);
    this.#strategy = strategy;
    this.#random = random;
    this.#choices = strategy === "random" ? 1 : CHOICES;
  }

  /** An agent with room that the wish describes, or `undefined` when there is none at this moment. */
  select(wish: ExitWish<R>, nowMs: number): R | undefined {
    const state = this.#shortlists.of(wish.filter, nowMs);
    const found = this.#choose(state, wish, nowMs);
    if (found !== undefined || !this.#shortlists.refresh(state, nowMs)) return found;
    return this.#choose(state, wish, nowMs);
  }

  /** An agent has answered `ms` after it was asked. */
  measured(record: R, ms: number, nowMs: number): void {
    if (this.#strategy === "fastest") this.#times.measured(record, ms, nowMs);
  }

  /** An agent has failed after `ms` where another may do better: failing fast must not look like answering fast. */
  disappointed(record: R, ms: number, nowMs: number): void {
    this.measured(record, Math.max(ms, FAILED_MS), nowMs);
  }

  #choose(state: FilterState<R>, wish: ExitWish<R>, nowMs: number): R | undefined {
    if (this.#strategy === "round-robin") return takeNext(state, wish);
    const { list } = state;
    const found = this.#cheapest(list, wish, nowMs);
    if (found !== undefined || list.length <= SMALL_POOL) return found;
    const index = indexFrom(list, wish, this.#randomIndex(list));
    return index === undefined ? undefined : list[index];
  }

  /** The cheapest of all agents of a small pool, or of a few that random looks find. */
  #cheapest(list: readonly R[], wish: ExitWish<R>, nowMs: number): R | undefined {
    const all = list.length <= SMALL_POOL;
    const looks = all ? list.length : MAX_LOOKS;
    const start = this.#randomIndex(list);
    let best: R | undefined;
    let bestCost = Number.POSITIVE_INFINITY;
    for (let look = 0, wanted = all ? looks : this.#choices; look < looks && wanted > 0; look++) {
      const record = list[all ? (start + look) % list.length : this.#randomIndex(list)];
      if (record === undefined || !isEligible(record, wish)) continue;
      const cost = this.#cost(record, nowMs);
      if (cost < bestCost) [best, bestCost] = [record, cost];
      wanted--;
    }
    return best;
  }

  #randomIndex(list: readonly R[]): number {
    return Math.floor(this.#random() * list.length);
  }

  #cost(record: R, nowMs: number): number {
    if (this.#strategy === "random") return this.#random();
    if (this.#strategy === "least-busy") return record.inFlight / record.maxConcurrency;
    const expectedMs = this.#times.expectedMs(record, nowMs);
    if (expectedMs !== undefined) return expectedMs * (record.inFlight + 1);
    // One job finds out about an unknown agent; until it has, the others do not follow.
    return record.inFlight === 0 ? 0 : UNKNOWN_MS * (record.inFlight + 1);
  }
}

function takeNext<R extends Candidate>(state: FilterState<R>, wish: ExitWish<R>): R | undefined {
  const index = indexFrom(state.list, wish, state.cursor);
  if (index === undefined) return undefined;
  state.cursor = index + 1;
  return state.list[index];
}

/** Index of the first eligible agent from `start` on, going round once. */
function indexFrom<R extends Candidate>(
  list: readonly R[],
  wish: ExitWish<R>,
  start: number,
): number | undefined {
  const { length } = list;
  for (let step = 0, index = start; step < length; step++, index++) {
    if (index >= length) index = 0;
    const record = list[index];
    if (record !== undefined && isEligible(record, wish)) return index;
  }
  return undefined;
}

function isEligible<R extends Candidate>(record: R, { filter, tried }: ExitWish<R>): boolean {
  return isAvailable(record) && matches(record, filter) && !tried.includes(record);
}
