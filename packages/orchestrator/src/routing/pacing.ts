/**
 * How fast one exit may go to one target domain, all accounts together: requests begin at even distances, and so
 * many are under way at most. What is known of an exit and a domain (a lane) is kept only while it holds
 * somebody back: while requests are under way in it, and for the distance after the last one began.
 */
import type { Target } from "./target.ts";

/** Bounds of one exit for one domain; at least one is given. */
export interface PacingRules {
  /** Requests that begin within a second; 0.5 is one in two seconds. */
  readonly perSecond: number | undefined;
  /** Requests and tunnels at a time. */
  readonly concurrent: number | undefined;
}

/** One request's share of its lane. */
export interface Pace {
  /** The request or tunnel has ended. Idempotent. */
  end(nowMs: number): void;
}

interface Lane<R> {
  readonly record: R;
  readonly domain: string;
  /** When the next may begin, as far as the distance goes. */
  openAtMs: number;
  underWay: number;
}

/** The lanes of all exits. Times are milliseconds of any one monotonic clock. */
export class Pacing<R extends object> {
  readonly #distanceMs: number;
  readonly #concurrent: number;
  readonly #lanes = new Map<R, Map<string, Lane<R>>>();
  /** Lanes within their distance, in the order in which that ends: it is the same for all. */
  readonly #spaced = new Set<Lane<R>>();
  /** The rules in words: `at most 2 requests per second and 1 at a time`. */
  readonly rules: string;

  constructor({ perSecond, concurrent }: PacingRules) {
    this.#distanceMs = perSecond === undefined ? 0 : 1000 / perSecond;
    this.#concurrent = concurrent ?? Number.POSITIVE_INFINITY;
    const parts: string[] = [];
    if (perSecond !== undefined) parts.push(`${perSecond} requests per second`);
    if (concurrent !== undefined) parts.push(`${concurrent} at a time`);
    this.rules = `at most ${parts.join(" and ")}`;
  }

  /** Lanes remembered at this moment. */
  get size(): number {
    let size = 0;
    for (const lanes of this.#lanes.values()) size += lanes.size;
    return size;
  }

  /** When a request may begin: now, if that is not later than `nowMs`; infinite until another one ends. */
  opensAtMs(record: R, target: Target): number {
    const lane = this.#lanes.get(record)?.get(target.domain);
    if (lane === undefined) return 0;
    return lane.underWay < this.#concurrent ? lane.openAtMs : Number.POSITIVE_INFINITY;
  }

  /** A request begins, whether or not its time has come. */
  begin(record: R, target: Target, nowMs: number): Pace {
    this.#sweep(nowMs);
    const lane = this.#lane(record, target.domain);
    lane.underWay++;
    lane.openAtMs = nowMs + this.#distanceMs;
    this.#spaced.delete(lane);
    this.#spaced.add(lane);
    let ended = false;
    return {
      end: (endMs) => {
        if (!ended) this.#end(lane, endMs);
        ended = true;
      },
    };
  }

  #lane(record: R, domain: string): Lane<R> {
    const lanes = this.#lanes.get(record) ?? new Map<string, Lane<R>>();
    this.#lanes.set(record, lanes);
    const lane = lanes.get(domain) ?? { record, domain, openAtMs: 0, underWay: 0 };
    lanes.set(domain, lane);
    return lane;
  }

  #end(lane: Lane<R>, nowMs: number): void {
    lane.underWay--;
    this.#sweep(nowMs);
    if (!this.#spaced.has(lane)) this.#dropIdle(lane);
  }

  #sweep(nowMs: number): void {
    for (const lane of this.#spaced) {
      if (lane.openAtMs > nowMs) return;
      this.#spaced.delete(lane);
      this.#dropIdle(lane);
    }
  }

  #dropIdle({ record, domain, underWay }: Lane<R>): void {
    if (underWay > 0) return;
    const lanes = this.#lanes.get(record);
    lanes?.delete(domain);
    if (lanes?.size === 0) this.#lanes.delete(record);
  }
}
