/** Everybody in the waiting line who asks for the same exits: what one of them may have, all of them may have. */
import type { AgentRecord } from "../agents/registry.ts";
import { isWished, type ExitWish } from "../routing/exit-filter.ts";
import { explainShortage, type PacingNow } from "../routing/shortage.ts";
import { FifoList } from "./fifo-list.ts";
import type { Place } from "./waiting-line.ts";

/** How long an explanation is given again: thousands may leave in one tick. Milliseconds. */
const EXPLAINED_FOR_MS = 100;

/** Places with one wish, by priority. */
export class WaitingGroup {
  readonly key: string;
  readonly wish: ExitWish<AgentRecord>;
  /** When the pool was last searched in vain for this wish. Milliseconds. */
  searchedAtMs = Number.NEGATIVE_INFINITY;
  /** When pacing lets go of an exit for it; infinite when nothing is known to come by time alone. Milliseconds. */
  wakeAtMs = Number.POSITIVE_INFINITY;
  size = 0;
  /** Index is the priority. */
  readonly #levels: FifoList<Place>[] = [];
  #shortage = "";
  #explainedAtMs = Number.NEGATIVE_INFINITY;

  constructor(key: string, wish: ExitWish<AgentRecord>) {
    this.key = key;
    // The waiter that opens the group goes on to try others; the rest of the group has not.
    this.wish = { ...wish, tried: [...wish.tried] };
  }

  push(place: Place): void {
    (this.#levels[place.priority] ??= new FifoList()).push(place);
    this.size++;
  }

  remove(place: Place): void {
    this.#levels[place.priority]?.remove(place);
    this.size--;
  }

  /** The place to be served first: highest priority, then longest waiting. */
  get first(): Place | undefined {
    return this.#levels.findLast((level) => level?.first !== undefined)?.first;
  }

  /** Why nobody in this group has been served: one sentence. */
  explain(records: readonly AgentRecord[], pacing: PacingNow<AgentRecord>): string {
    if (pacing.nowMs - this.#explainedAtMs >= EXPLAINED_FOR_MS) {
      this.#shortage = explainShortage(records, this.wish, pacing);
      this.#explainedAtMs = pacing.nowMs;
    }
    return this.#shortage;
  }

  accepts(record: AgentRecord): boolean {
    return isWished(record, this.wish);
  }
}

/** The same for equal wishes; `paced`: what one may have depends on its target too. */
export function wishKey(wish: ExitWish<AgentRecord>, paced: boolean): string {
  const { filter, tried, only, target } = wish;
  let { key } = filter;
  if (only !== undefined) key += ` only ${only.id}`;
  if (tried.length > 0)
    key += ` not ${tried
      .map(({ id }) => id)
      .toSorted()
      .join(" ")}`;
  return paced ? `${key} to ${target.domain}` : key;
}
