/**
 * One sticky session, and one request's part in it.
 *
 * The first request to be given an exit puts the session on it. Until something may have left through that exit,
 * the session can still be put elsewhere without anybody noticing; from then on it is *used*: if the exit goes, a
 * session that is not strict moves, and says so. A target's failure never moves it.
 */
import { ERRORS, type ErrorCode } from "@porchlight/protocol/errors";
import type { SessionView } from "@porchlight/protocol/job";
import type { SessionWish } from "./request-options.ts";

/** What affinity reads of an agent. */
export interface AffineExit {
  /** Public address. */
  readonly ip: string;
}

/** One session; the table of them keeps the fields on time and use. */
export interface Affinity<R> {
  readonly key: string;
  /** The targeting of its first request: every other one has to give the same. */
  readonly filterKey: string;
  /** Its time to live counts from its first request. Milliseconds of a monotonic clock. */
  readonly endsAtMs: number;
  /** The same as ISO 8601, UTC. */
  readonly expiresAt: string;
  /** Requests and tunnels that have not ended. */
  underWay: number;
  /** End of the last one. Milliseconds. */
  idleSinceMs: number;
  exit: R | undefined;
  /** Something may have left through the exit. */
  used: boolean;
  /** Address of the exit it has left: the next one is to have the same, if it can. */
  formerIp: string | undefined;
  /** Through which the last request was served. */
  servedBy: R | undefined;
}

/** What an affinity tells its table. */
export interface AffinityEvents<R> {
  ended(affinity: Affinity<R>, nowMs: number): void;
  moved(): void;
}

/** Whether a failure is the exit's own: the agent's fault, or its leaving. */
export function isExitFailure(code: ErrorCode): boolean {
  return ERRORS[code].fault === "agent" || code === "shutting_down";
}

/** One request's part in a session, from its beginning to its end. */
export class AffinityUse<R extends AffineExit> {
  readonly #affinity: Affinity<R>;
  readonly #wish: SessionWish;
  readonly #events: AffinityEvents<R>;
  /** The exit that had served the session when this request began. */
  readonly #servedBefore: R | undefined;
  #ended = false;

  constructor(affinity: Affinity<R>, wish: SessionWish, events: AffinityEvents<R>) {
    this.#affinity = affinity;
    this.#wish = wish;
    this.#events = events;
    this.#servedBefore = affinity.servedBy;
  }

  /** Where the session is, if anywhere. */
  get exit(): R | undefined {
    return this.#affinity.exit;
  }

  /** Address of the exit it has just left. */
  get formerIp(): string | undefined {
    return this.#affinity.formerIp;
  }

  /** Whether it has to stay on its exit even if that goes. */
  get isBound(): boolean {
    return this.#wish.strict && this.#affinity.used;
  }

  /** Puts the session on an exit, unless others were first; whether it is on this one now. */
  settle(record: R): boolean {
    this.#affinity.exit ??= record;
    return this.#affinity.exit === record;
  }

  /** Takes the session off its exit. */
  leave(): void {
    const affinity = this.#affinity;
    affinity.formerIp = affinity.exit?.ip;
    affinity.exit = undefined;
    affinity.used = false;
  }

  /** An attempt has failed; `unsent`: nothing of it has left for a target. */
  failed(record: R, unsent: boolean): void {
    if (!unsent && record === this.#affinity.exit) this.#affinity.used = true;
  }

  /** The request is being served; what its answer says of the session. */
  served(record: R): SessionView {
    const affinity = this.#affinity;
    const moved = [this.#servedBefore, affinity.servedBy].some(
      (other) => other !== undefined && other !== record,
    );
    affinity.servedBy = record;
    if (record === affinity.exit) affinity.used = true;
    if (moved) this.#events.moved();
    return { id: this.#wish.id, moved, expiresAt: affinity.expiresAt };
  }

  /** The request or tunnel has ended. Idempotent. */
  end(nowMs: number): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#events.ended(this.#affinity, nowMs);
  }
}
