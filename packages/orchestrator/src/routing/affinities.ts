/**
 * The sticky sessions of this node, by account and name. One ends for new requests at the end of its time to live,
 * or when nothing of it has been under way for a minute; what is under way then goes on undisturbed. No session has a
 * timer: those that have ended are swept when another one begins.
 */
import { ProxyError } from "@porchlight/protocol/errors";
import { AffinityUse, type AffineExit, type Affinity } from "./affinity.ts";
import type { SessionWish } from "./request-options.ts";

/** Sessions kept at once; beyond it the one idle longest goes. To reach it takes 1,667 new ones a second. */
export const MAX_AFFINITIES = 100_000;

/** A session ends when it is idle for so long. Milliseconds. Source: contract, section "Proxy". */
export const AFFINITY_IDLE_MS = 60_000;

/** A request that wants to keep its exit. */
export interface AffinityRequest {
  readonly account: string;
  readonly session: SessionWish;
  /** The same for equal targeting, whether of a job or a tunnel. */
  readonly filterKey: string;
}

/** One moment on two clocks: one that never goes back, to decide by, and Unix epoch time, to show. */
export interface Moment {
  readonly nowMs: number;
  readonly epochMs: number;
}

/** All sessions, bounded in number. */
export class Affinities<R extends AffineExit> {
  readonly #byKey = new Map<string, Affinity<R>>();
  /** Those with nothing under way, in the order in which they fell idle. */
  readonly #idle = new Set<Affinity<R>>();
  readonly #maxAffinities: number;
  #moves = 0;

  constructor(maxAffinities = MAX_AFFINITIES) {
    this.#maxAffinities = maxAffinities;
  }

  /** Requests served through another exit than their session had before. */
  get moves(): number {
    return this.#moves;
  }

  /** Sessions that have not ended, and those past their time to live for the minute until they are swept. */
  live(nowMs: number): number {
    this.#sweep(nowMs);
    return this.#byKey.size;
  }

  /**
   * A request begins: in the session of this name, or in a new one. The first request decides on time to live and filters.
   * @throws {ProxyError} `session_mismatch` when the session has other filters
   */
  begin({ account, session, filterKey }: AffinityRequest, moment: Moment): AffinityUse<R> {
    this.#sweep(moment.nowMs);
    // A session's name has no space in it.
    const key = `${session.id} ${account}`;
    let affinity = this.#byKey.get(key);
    if (affinity === undefined || moment.nowMs >= affinity.endsAtMs) {
      affinity = this.#add({ key, filterKey, ttlMs: session.ttlMs }, moment);
    } else if (affinity.filterKey !== filterKey) {
      throw new ProxyError("session_mismatch", "The session was begun with other filters");
    }
    affinity.underWay++;
    this.#idle.delete(affinity);
    return new AffinityUse(affinity, session, this);
  }

  /** Something of a session has ended. */
  ended(affinity: Affinity<R>, nowMs: number): void {
    affinity.underWay--;
    if (affinity.underWay > 0 || this.#byKey.get(affinity.key) !== affinity) return;
    affinity.idleSinceMs = nowMs;
    this.#idle.add(affinity);
  }

  /** A request was served through another exit than the one before. */
  moved(): void {
    this.#moves++;
  }

  #add(
    { key, filterKey, ttlMs }: { key: string; filterKey: string; ttlMs: number },
    { nowMs, epochMs }: Moment,
  ): Affinity<R> {
    const older = this.#byKey.get(key);
    if (older !== undefined) this.#idle.delete(older);
    else if (this.#byKey.size >= this.#maxAffinities) this.#dropLongestIdle();
    const affinity: Affinity<R> = {
      key,
      filterKey,
      endsAtMs: nowMs + ttlMs,
      expiresAt: new Date(epochMs + ttlMs).toISOString(),
      underWay: 0,
      idleSinceMs: nowMs,
      exit: undefined,
      used: false,
      formerIp: undefined,
      servedBy: undefined,
    };
    this.#byKey.set(key, affinity);
    return affinity;
  }

  #sweep(nowMs: number): void {
    for (const affinity of this.#idle) {
      if (nowMs - affinity.idleSinceMs < AFFINITY_IDLE_MS) return;
      this.#drop(affinity);
    }
  }

  /** With all of them in use, none goes: the work under way is bounded elsewhere. */
  #dropLongestIdle(): void {
    const [longest] = this.#idle;
    if (longest !== undefined) this.#drop(longest);
  }

  #drop(affinity: Affinity<R>): void {
    this.#idle.delete(affinity);
    this.#byKey.delete(affinity.key);
  }
}
