/**
 * Selection state per filter: where round-robin goes on, and the agents that match a narrow filter. Asking
 * ten thousand agents for a rare label takes 126 µs, so their list is kept for a second. It may be stale:
 * whoever picks from it still checks the agent, and rebuilds it before giving up.
 */
import type { Candidate } from "./candidate.ts";
import { matches, type ExitFilter } from "./exit-filter.ts";

/** Filters remembered at once; the one first seen is forgotten, which costs it a scan and its turn. */
const MAX_FILTERS = 256;

/** How long agents that came to match may be overlooked while others serve. Milliseconds. */
const FRESH_MS = 1_000;

/** Below this many agents a scan is as fast as a list. */
const MIN_RECORDS = 64;

/** What is remembered about one filter. */
export interface FilterState<R> {
  readonly filter: ExitFilter;
  /** Index behind the last pick, in the list it was picked from. */
  cursor: number;
  list: readonly R[];
  listedAtMs: number;
}

/** The connected agents; the registry is one. */
export interface Pool<R> {
  readonly records: readonly R[];
}

/** The filters seen lately and their lists. */
export class Shortlists<R extends Candidate> {
  readonly #pool: Pool<R>;
  readonly #states = new Map<string, FilterState<R>>();

  constructor(pool: Pool<R>) {
    this.#pool = pool;
  }

  /** Filters remembered. */
  get size(): number {
    return this.#states.size;
  }

  /** The state of a filter, with its `list` no older than a second. */
  of(filter: ExitFilter, nowMs: number): FilterState<R> {
    const state = this.#states.get(filter.key) ?? this.#remember(filter);
    const { records } = this.#pool;
    if (!filter.narrow || records.length < MIN_RECORDS) state.list = records;
    else if (nowMs - state.listedAtMs > FRESH_MS) this.#relist(state, nowMs);
    return state;
  }

  /** Lists the matching agents anew; `false` when that cannot find more than before. */
  refresh(state: FilterState<R>, nowMs: number): boolean {
    if (state.list === this.#pool.records || state.listedAtMs === nowMs) return false;
    this.#relist(state, nowMs);
    return true;
  }

  #relist(state: FilterState<R>, nowMs: number): void {
    state.list = this.#pool.records.filter((record) => matches(record, state.filter));
    state.listedAtMs = nowMs;
  }

  #remember(filter: ExitFilter): FilterState<R> {
    if (this.#states.size >= MAX_FILTERS) {
      const oldest = this.#states.keys().next();
      if (!oldest.done) this.#states.delete(oldest.value);
    }
    const state = { filter, cursor: 0, list: [], listedAtMs: Number.NEGATIVE_INFINITY };
    this.#states.set(filter.key, state);
    return state;
  }
}
