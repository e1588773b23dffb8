/**
 * Where jobs and tunnels get an agent, and wait for one.
 *
 * Who finds no agent with room takes a place. Places with the same wish form a group; when an agent has
 * room, the groups it suits are compared by their first place, and the one with the highest priority, then
 * the longest waiting, is served. So a thousand jobs waiting for one busy agent cost the others one look.
 * While a group waits, nobody with the same wish is served before it, and the pool is not searched for it
 * again: room would have been reported. (It is, once in a while, in case a report is ever missed.) Only pacing
 * gives room by time alone: an alarm is set for the group then. Who waits for one exit hears when that goes.
 */
import { ProxyError } from "@porchlight/protocol/errors";
import { isAvailable } from "../routing/candidate.ts";
import type { ExitWish } from "../routing/exit-filter.ts";
import type { Selector } from "../routing/selector.ts";
import { hasServing } from "../routing/shortage.ts";
import type { AgentRecord, Registry, Slot } from "../agents/registry.ts";
import { Alarm } from "./alarm.ts";
import type { FifoNode } from "./fifo-list.ts";
import { PacedSlot } from "./paced-slot.ts";
import { WaitingGroup, wishKey } from "./waiting-group.ts";

/** Places in the line; beyond it work is refused as `overloaded`. */
export const MAX_WAITING = 10_000;

/** How often the pool is searched for a group that waits. Milliseconds. */
const SEARCH_EVERY_MS = 100;

/** An agent and the slot taken on it. Whoever holds it releases the slot. */
export interface Grant {
  readonly record: AgentRecord;
  readonly slot: Slot;
}

/** Hears the end of the wait, once: one of the calls, never before `wait` returns. */
export interface Waiter {
  granted(grant: Grant): void;
  /** The only agent that would have done takes no more work. */
  deserted(): void;
  /** `no_agent_available`, or `shutting_down` when the line is closed. */
  refused(error: ProxyError): void;
}

/** How a waiter waits. */
export interface WaitTerms {
  /** 0..9; 9 is served first. */
  readonly priority: number;
  /** Time until `no_agent_available`. */
  readonly waitMs: number;
  readonly waiter: Waiter;
}

/** One waiter's place in the line. */
export interface Place extends FifoNode<Place> {
  readonly priority: number;
  /** Order of arrival. */
  readonly number: number;
  readonly wish: ExitWish<AgentRecord>;
  readonly group: WaitingGroup;
  readonly waiter: Waiter;
  readonly timer: NodeJS.Timeout;
  served: boolean;
}

interface WaitingLineOptions {
  readonly registry: Pick<Registry, "records" | "acquire" | "onCapacity" | "onDeparture">;
  readonly selector: Selector<AgentRecord>;
  /** Milliseconds that never go back. */
  readonly now?: () => number;
  /** Default `MAX_WAITING`. */
  readonly maxWaiting?: number;
}

/** Gives agents to work: at once, or in turn. */
export class WaitingLine {
  readonly #registry: WaitingLineOptions["registry"];
  readonly #selector: Selector<AgentRecord>;
  readonly #now: () => number;
  readonly #maxWaiting: number;
  readonly #groups = new Map<string, WaitingGroup>();
  readonly #unsubscribe: readonly (() => void)[];
  readonly #alarm: Alarm;
  #length = 0;
  #lastNumber = 0;
  #closed = false;

  constructor(options: WaitingLineOptions) {
    this.#registry = options.registry;
    this.#selector = options.selector;
    this.#now = options.now ?? (() => performance.now());
    this.#maxWaiting = options.maxWaiting ?? MAX_WAITING;
    this.#alarm = new Alarm(this.#now, this.#wake);
    this.#unsubscribe = [
      options.registry.onCapacity((record) => this.#serve(record)),
      options.registry.onDeparture((record) => this.#desert(record)),
    ];
  }

  /** Places taken at this moment. */
  get length(): number {
    return this.#length;
  }

  /** An agent with room, at once; `undefined` when there is none, or when others have waited for it longer. */
  acquire(wish: ExitWish<AgentRecord>): Grant | undefined {
    const nowMs = this.#now();
    const group = this.#length === 0 ? undefined : this.#groups.get(this.#keyOf(wish));
    if (group !== undefined && nowMs - group.searchedAtMs < SEARCH_EVERY_MS) return undefined;
    if (group !== undefined) this.#search(group, nowMs);
    if (group !== undefined && group.size > 0) return undefined;
    const record = this.#selector.select(wish, nowMs);
    return record === undefined ? undefined : this.#grant(record, wish);
  }

  /** Whether an agent exists that may be granted this, now or when it has room again. */
  hopes(wish: ExitWish<AgentRecord>): boolean {
    return hasServing(this.#registry.records, wish);
  }

  /**
   * Takes a place for a wish that `acquire` did not grant; `leave` gives it up.
   * @throws {ProxyError} overloaded when the line is full, shutting_down when it is closed
   */
  wait(wish: ExitWish<AgentRecord>, { priority, waitMs, waiter }: WaitTerms): Place {
    if (this.#closed) throw shuttingDown();
    if (this.#length >= this.#maxWaiting) {
      throw new ProxyError("overloaded", `All ${this.#maxWaiting} places to wait in are taken`);
    }
    const place: Place = {
      priority,
      number: ++this.#lastNumber,
      wish,
      group: this.#group(wish),
      waiter,
      timer: setTimeout(() => this.#expire(place), waitMs),
      served: false,
      previous: undefined,
      next: undefined,
    };
    place.group.push(place);
    this.#length++;
    return place;
  }

  /** Gives up a place; its waiter hears nothing more. Idempotent. */
  leave(place: Place): void {
    if (place.served) return;
    place.served = true;
    clearTimeout(place.timer);
    place.group.remove(place);
    if (place.group.size === 0) this.#groups.delete(place.group.key);
    this.#length--;
  }

  /** Refuses everybody who waits and takes no more notice of agents. */
  close(): void {
    this.#closed = true;
    this.#alarm.stop();
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    for (const group of this.#groups.values()) {
      for (let place = group.first; place !== undefined; place = group.first) {
        this.#refuse(place, shuttingDown());
      }
    }
  }

  #serve(record: AgentRecord): void {
    while (this.#length > 0 && isAvailable(record)) {
      const place = this.#firstFor(record);
      if (place === undefined) return;
      this.leave(place);
      place.waiter.granted(this.#grant(record, place.wish));
    }
  }

  /** Serves as many of a group as the pool has room for now; for the others an alarm may be set. */
  #search(group: WaitingGroup, nowMs: number): void {
    group.searchedAtMs = nowMs;
    while (group.size > 0) {
      const record = this.#selector.select(group.wish, nowMs);
      if (record === undefined)
        return this.#wakeAt(group, this.#selector.opensAtMs(group.wish, nowMs));
      this.#serve(record);
    }
  }

  #wakeAt(group: WaitingGroup, atMs: number): void {
    group.wakeAtMs = atMs;
    this.#alarm.ringBy(atMs);
  }

  /** Pacing has let go of some exit. */
  readonly #wake = (): void => {
    const nowMs = this.#now();
    for (const group of this.#groups.values()) {
      if (group.wakeAtMs <= nowMs) this.#search(group, nowMs);
      else this.#alarm.ringBy(group.wakeAtMs);
    }
  };

  /** Tells those who wait for this agent only that it takes no more work. */
  #desert(record: AgentRecord): void {
    for (const group of this.#groups.values()) {
      if (group.wish.only !== record) continue;
      for (let place = group.first; place !== undefined; place = group.first) {
        this.leave(place);
        place.waiter.deserted();
      }
    }
  }

  #firstFor(record: AgentRecord): Place | undefined {
    let best: Place | undefined;
    for (const group of this.#groups.values()) {
      const { first } = group;
      if (first !== undefined && comesBefore(first, best) && this.#suits(record, group)) {
        best = first;
      }
    }
    return best;
  }

  #suits(record: AgentRecord, group: WaitingGroup): boolean {
    if (!group.accepts(record)) return false;
    const { pacing } = this.#selector;
    if (pacing === undefined) return true;
    const opensAtMs = pacing.opensAtMs(record, group.wish.target);
    if (opensAtMs <= this.#now()) return true;
    if (opensAtMs < group.wakeAtMs) this.#wakeAt(group, opensAtMs);
    return false;
  }

  #grant(record: AgentRecord, wish: ExitWish<AgentRecord>): Grant {
    const nowMs = this.#now();
    this.#selector.chosen(record, wish, nowMs);
    const slot = this.#registry.acquire(record);
    const pace = this.#selector.pacing?.begin(record, wish.target, nowMs);
    return { record, slot: pace === undefined ? slot : new PacedSlot(slot, pace, this.#now) };
  }

  #keyOf(wish: ExitWish<AgentRecord>): string {
    return wishKey(wish, this.#selector.pacing !== undefined);
  }

  #expire(place: Place): void {
    const { pacing } = this.#selector;
    const shortage = place.group.explain(this.#registry.records, { pacing, nowMs: this.#now() });
    this.#refuse(place, new ProxyError("no_agent_available", shortage));
  }

  #refuse(place: Place, error: ProxyError): void {
    this.leave(place);
    place.waiter.refused(error);
  }

  #group(wish: ExitWish<AgentRecord>): WaitingGroup {
    const key = this.#keyOf(wish);
    let group = this.#groups.get(key);
    if (group === undefined) {
      const nowMs = this.#now();
      group = new WaitingGroup(key, wish);
      group.searchedAtMs = nowMs;
      this.#groups.set(key, group);
      this.#wakeAt(group, this.#selector.opensAtMs(wish, nowMs));
    }
    return group;
  }
}

function comesBefore(place: Place, other: Place | undefined): boolean {
  if (other === undefined || place.priority > other.priority) return true;
  return place.priority === other.priority && place.number < other.number;
}

function shuttingDown(): ProxyError {
  return new ProxyError("shutting_down", "The orchestrator is shutting down");
}
