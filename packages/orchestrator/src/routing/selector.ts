/**
 * Chooses the agent for one attempt, in a few microseconds out of ten thousand.
 *
 *   round-robin   the turn goes on behind the last pick of the same filter, to the first agent with room
 *   random        looks at random agents until one has room
 *   least-busy    the smallest share of its concurrency in use, of a few random agents
 *   fastest       the smallest expected answer time × (work in flight + 1), of a few random agents. Times are those
 *                 of the target's domain, jobs and tunnels apart; who has none is tried, by one request at a time
 *
 * "A few" is all of them in a small pool. Agents that pacing holds back are passed over, and those that cool down
 * (`exit-health`) as long as others have room. When random looks find nobody, the list is walked once.
 * Source: M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 1996.
 */
import { ERRORS } from "@porchlight/protocol/errors";
import { isAvailable, isServing, type Candidate } from "./candidate.ts";
import { ExitHealth, type Failure } from "./exit-health.ts";
import { isWished, type ExitWish } from "./exit-filter.ts";
import type { Pacing } from "./pacing.ts";
import { ResponseTimes, UNKNOWN_MS } from "./response-times.ts";
import { Shortlists, type FilterState, type Pool } from "./shortlist.ts";

/** The strategies of `ORCH_SELECTION`; the first is the default. */
export const SELECTION_STRATEGIES = ["round-robin", "random", "least-busy", "fastest"] as const;

/** One of `SELECTION_STRATEGIES`. */
export type SelectionStrategy = (typeof SELECTION_STRATEGIES)[number];

/** Up to this many agents are all compared. */
const SMALL_POOL = 16;

/** Random looks before the list is walked: with half the pool busy, all miss once in 4,096 times. */
const MAX_LOOKS = 12;

/** Agents with room that are compared: two are known to be enough, four forgive a crowded pool. */
const CHOICES = 4;

/** Agents with room that are passed over because they cool down: with nine tenths of a large pool, all of these do once in 29 times. */
const MAX_PASSED_OVER = 32;

/** Share of the choices in a large pool that try an agent whose time is not known, when others' times are. */
const EXPLORING_SHARE = 0.25;

/** An agent that failed where another may do better counts as having taken this long at least. Milliseconds. */
const FAILED_MS = 5_000;

interface SelectorOptions<R extends object> {
  readonly pool: Pool<R>;
  readonly strategy: SelectionStrategy;
  /** Uniform in [0, 1), as `Math.random`. */
  readonly random: () => number;
  /** Without it, exits go as fast as they can. */
  readonly pacing?: Pacing<R> | undefined;
}

/** When an agent has answered, and how long that took. */
export interface Answer {
  readonly ms: number;
  readonly nowMs: number;
}

/** Chooses agents by one strategy. Times are milliseconds of any one monotonic clock. */
export class Selector<R extends Candidate> {
  readonly health = new ExitHealth<R>();
  readonly pacing: Pacing<R> | undefined;
  readonly #strategy: SelectionStrategy;
  readonly #random: () => number;
  /** Agents compared in a large pool. */
  readonly #choices: number;
  readonly #shortlists: Shortlists<R>;
  readonly #jobTimes = new ResponseTimes<R>();
  readonly #tunnelTimes = new ResponseTimes<R>();

  constructor({ pool, strategy, random, pacing }: SelectorOptions<R>) {
    this.#shortlists = new Shortlists(pool);
    this.#strategy = strategy;
    this.#random = random;
    this.#choices = strategy === "random" ? 1 : CHOICES;
    this.pacing = pacing;
  }

  /** An agent with room that the wish describes, or `undefined` when there is none at this moment. */
  select(wish: ExitWish<R>, nowMs: number): R | undefined {
    if (wish.only !== undefined) {
      return this.#isEligible(wish.only, wish, nowMs) ? wish.only : undefined;
    }
    const state = this.#shortlists.of(wish.filter, nowMs);
    const found = this.#choose(state, wish, nowMs);
    if (found !== undefined || !this.#shortlists.refresh(state, nowMs)) return found;
    return this.#choose(state, wish, nowMs);
  }

  /** When pacing lets an agent go that it holds back now; infinite when time alone brings none. */
  opensAtMs(wish: ExitWish<R>, nowMs: number): number {
    let earliestMs = Number.POSITIVE_INFINITY;
    if (this.pacing === undefined) return earliestMs;
    const { only, filter } = wish;
    for (const record of only === undefined ? this.#shortlists.of(filter, nowMs).list : [only]) {
      if (!isServing(record) || !isWished(record, wish)) continue;
      const atMs = this.pacing.opensAtMs(record, wish.target);
      if (atMs > nowMs && atMs < earliestMs) earliestMs = atMs;
    }
    return earliestMs;
  }

  /** The agent is about to be asked. */
  chosen(record: R, wish: ExitWish<R>, nowMs: number): void {
    this.health.chosen(record, wish.target, nowMs);
    this.#timesFor(wish)?.asked(record, wish.target.domain, nowMs);
  }

  /** The target has answered through the agent, `ms` after that was asked. */
  succeeded(record: R, wish: ExitWish<R>, answer: Answer): void {
    this.health.succeeded(record, wish.target);
    this.#timesFor(wish)?.measured(record, wish.target.domain, answer);
  }

  /** An attempt has failed, or was broken off. Failing fast must not look like answering fast. */
  failed(record: R, wish: ExitWish<R>, failure: Failure): void {
    this.health.failed(record, wish.target, failure);
    if (ERRORS[failure.code].retry !== "other-agent") return;
    const ms = Math.max(failure.ms, FAILED_MS);
    this.#timesFor(wish)?.measured(record, wish.target.domain, { ms, nowMs: failure.nowMs });
  }

  #choose(state: FilterState<R>, wish: ExitWish<R>, nowMs: number): R | undefined {
    if (this.#strategy === "round-robin") return this.#takeTurn(state, wish, nowMs);
    return this.#cheapest(state.list, wish, nowMs) ?? this.#walk(state.list, wish, nowMs);
  }

  /** The next agent in turn; for one that has to be passed over, a random other stands in and the turn goes on. */
  #takeTurn(state: FilterState<R>, wish: ExitWish<R>, nowMs: number): R | undefined {
    const { list } = state;
    const { length } = list;
    for (let step = 0, index = state.cursor; step < length; step++, index++) {
      if (index >= length) index = 0;
      const record = list[index];
      if (record === undefined || !isAvailable(record) || !isWished(record, wish)) continue;
      const isFit = this.#isOpen(record, wish, nowMs) && !this.#cools(record, wish, nowMs);
      const found = isFit ? record : this.#walk(list, wish, nowMs);
      if (found !== undefined) state.cursor = index + 1;
      return found;
    }
    return undefined;
  }

  /** The cheapest of all agents of a small pool that need not cool down, or of a few that random looks find. */
  #cheapest(list: readonly R[], wish: ExitWish<R>, nowMs: number): R | undefined {
    const all = list.length <= SMALL_POOL;
    const looks = all ? list.length : MAX_LOOKS;
    const start = this.#randomIndex(list);
    const explores = all || this.#random() < EXPLORING_SHARE;
    let best: R | undefined;
    let bestCost = Number.POSITIVE_INFINITY;
    for (let look = 0, wanted = all ? looks : this.#choices; look < looks && wanted > 0; look++) {
      const record = list[all ? (start + look) % list.length : this.#randomIndex(list)];
      if (record === undefined || !this.#isEligible(record, wish, nowMs)) continue;
      if (this.#cools(record, wish, nowMs)) continue;
      const cost = this.#cost(record, wish, { explores, nowMs });
      if (cost < bestCost) [best, bestCost] = [record, cost];
      wanted--;
    }
    return best;
  }

  /**
   * The first eligible agent from a random one on, going round once. Those that cool down are passed over; when
   * there are many of them or no other, it is the one of them that is due first.
   */
  #walk(list: readonly R[], wish: ExitWish<R>, nowMs: number): R | undefined {
    const { length } = list;
    let dueFirst: R | undefined;
    let dueMs = Number.POSITIVE_INFINITY;
    let passedOver = 0;
    for (let step = 0, index = this.#randomIndex(list); step < length; step++, index++) {
      if (index >= length) index = 0;
      const record = list[index];
      if (record === undefined || !this.#isEligible(record, wish, nowMs)) continue;
      const coolUntilMs = this.health.coolUntilMs(record, wish.target, nowMs);
      if (coolUntilMs === 0) return record;
      if (coolUntilMs < dueMs) [dueFirst, dueMs] = [record, coolUntilMs];
      if (++passedOver === MAX_PASSED_OVER) break;
    }
    return dueFirst;
  }

  #randomIndex(list: readonly R[]): number {
    return Math.floor(this.#random() * list.length);
  }

  #isEligible(record: R, wish: ExitWish<R>, nowMs: number): boolean {
    return isAvailable(record) && isWished(record, wish) && this.#isOpen(record, wish, nowMs);
  }

  /** Whether pacing lets it go there now. */
  #isOpen(record: R, { target }: ExitWish<R>, nowMs: number): boolean {
    return this.pacing === undefined || this.pacing.opensAtMs(record, target) <= nowMs;
  }

  #cools(record: R, { target }: ExitWish<R>, nowMs: number): boolean {
    return this.health.coolUntilMs(record, target, nowMs) > 0;
  }

  #cost(
    record: R,
    wish: ExitWish<R>,
    { explores, nowMs }: { explores: boolean; nowMs: number },
  ): number {
    if (this.#strategy === "random") return this.#random();
    if (this.#strategy === "least-busy") return record.inFlight / record.maxConcurrency;
    const expectedMs = this.#timesFor(wish)?.expectedMs(record, wish.target.domain, nowMs);
    if (expectedMs !== undefined) return expectedMs * (record.inFlight + 1);
    return explores ? 0 : UNKNOWN_MS * (record.inFlight + 1);
  }

  /** An answer's first byte takes longer than a connection: the two are not compared. */
  #timesFor({ filter }: ExitWish<R>): ResponseTimes<R> | undefined {
    if (this.#strategy !== "fastest") return undefined;
    return filter.tunnel ? this.#tunnelTimes : this.#jobTimes;
  }
}
