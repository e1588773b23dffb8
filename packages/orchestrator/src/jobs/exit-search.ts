/** The search of one job or tunnel for an agent: at once, in the waiting line, and again after a failure. */
import { type ErrorCode, ProxyError } from "@porchlight/protocol/errors";
import type { Attempt, SessionView } from "@porchlight/protocol/job";
import type { AgentRecord } from "../agents/registry.ts";
import type { Affinities } from "../routing/affinities.ts";
import { isExitFailure, type AffinityUse } from "../routing/affinity.ts";
import { isServing } from "../routing/candidate.ts";
import { compileFilter, isWished, type ExitWish } from "../routing/exit-filter.ts";
import type { SessionWish, Targeting } from "../routing/request-options.ts";
import type { Selector } from "../routing/selector.ts";
import { Target } from "../routing/target.ts";
import { AttemptTrail } from "./attempt-trail.ts";
import type { Grant, Place, Waiter, WaitingLine } from "./waiting-line.ts";

/** What all searches share. */
export interface SearchContext {
  readonly waitingLine: WaitingLine;
  readonly selector: Selector<AgentRecord>;
  readonly affinities: Affinities<AgentRecord>;
  /** How long a search waits for a free agent before `no_agent_available`. Milliseconds. */
  readonly queueWaitMs: number;
  /** Milliseconds that never go back. */
  readonly now: () => number;
}

/** What a job or tunnel asks of its agent. */
export interface SearchedWork {
  readonly account: string;
  /** Where it is bound for, with or without a port. */
  readonly host: string;
  readonly targeting: Targeting;
  readonly session?: SessionWish | undefined;
  /** 0..9; 9 is served first. */
  readonly priority: number;
  readonly maxRetries: number;
}

/** Who searches. Either call may come before `seek` returns. */
export interface SearchOwner {
  /** Milliseconds left until its deadline. */
  remainingMs(): number;
  granted(grant: Grant): void;
  /** Nobody came free, or there is no place to wait in; after a failed attempt, its error. */
  exhausted(error: ProxyError): void;
}

interface SearchOptions {
  readonly work: SearchedWork;
  /** It is a tunnel: the agent has to carry them. */
  readonly tunnel: boolean;
  readonly owner: SearchOwner;
}

/** How an attempt failed. */
export interface FailedAttempt {
  readonly error: ProxyError;
  /** Nothing of the client's has left for the target. */
  readonly unsent: boolean;
  readonly ms: number;
}

/** What one job or tunnel has tried, and its place in the waiting line; its owner hears of each grant and of the end. */
export class ExitSearch implements Waiter {
  readonly trail = new AttemptTrail();
  /** Time spent without an agent. Milliseconds. */
  queueMs = 0;
  readonly #context: SearchContext;
  readonly #work: SearchedWork;
  readonly #owner: SearchOwner;
  readonly #wish: ExitWish<AgentRecord>;
  #affinity: AffinityUse<AgentRecord> | undefined;
  #place: Place | undefined;
  #soughtAtMs = 0;
  #lastError: ProxyError | undefined;

  constructor(context: SearchContext, { work, tunnel, owner }: SearchOptions) {
    this.#context = context;
    this.#work = work;
    this.#owner = owner;
    this.#wish = {
      filter: compileFilter(work.targeting, tunnel),
      tried: this.trail.tried,
      target: new Target(work.host),
    };
  }

  /** Whether it stands in the waiting line. */
  get waiting(): boolean {
    return this.#place !== undefined;
  }

  /** Asks for an agent that has not been tried. */
  seek(): void {
    const { waitingLine, queueWaitMs: waitMs, now } = this.#context;
    this.#soughtAtMs = now();
    let grant: Grant | undefined;
    try {
      this.#keepSession();
      const wish = this.#nextWish();
      grant = this.#acquire(wish);
      const { priority } = this.#work;
      if (grant === undefined) {
        this.#place = waitingLine.wait(wish, { priority, waitMs, waiter: this });
      }
    } catch (thrown) {
      return this.refused(ProxyError.from(thrown));
    }
    if (grant !== undefined) this.granted(grant);
  }

  /** The work has ended: stops waiting, and its session may fall idle. Idempotent. */
  end(): void {
    if (this.#place !== undefined) this.#context.waitingLine.leave(this.#place);
    this.#place = undefined;
    this.#affinity?.end(this.#context.now());
  }

  /** The target has answered through the agent `ms` after that was asked: what the client is told of the way there. */
  served(record: AgentRecord, ms: number): { attempts: readonly Attempt[]; session?: SessionView } {
    this.#context.selector.succeeded(record, this.#wish, { ms, nowMs: this.#context.now() });
    const attempts = this.trail.servedBy(record, ms);
    const session = this.#affinity?.served(record);
    return session === undefined ? { attempts } : { attempts, session };
  }

  /** Notes that an attempt has failed; returns what the work fails of when no other attempt follows. */
  failed(record: AgentRecord, { error, unsent, ms }: FailedAttempt): ProxyError {
    const { code } = error;
    this.trail.failed(record, code, ms);
    this.#context.selector.failed(record, this.#wish, { code, ms, nowMs: this.#context.now() });
    this.#affinity?.failed(record, unsent);
    const lost = isExitFailure(code) && this.#affinity?.isBound === true;
    this.#lastError = lost ? sessionLost(error) : error;
    return this.#lastError;
  }

  /** Notes that the agent has failed with work that it had begun to serve and that nobody can repeat. */
  broke(record: AgentRecord, code: ErrorCode, ms: number): void {
    // A target may end what it has accepted as it likes.
    if (!isExitFailure(code)) return;
    this.#context.selector.failed(record, this.#wish, { code, ms, nowMs: this.#context.now() });
  }

  /**
   * Whether the failure just noted may be followed by an attempt on another agent.
   * @param harmless doing it again does nothing twice
   */
  mayGoOn(code: ErrorCode, harmless: boolean): boolean {
    return (
      harmless &&
      this.#mayLeave(code) &&
      this.trail.mayTryAnother(code, this.#work.maxRetries) &&
      this.#owner.remainingMs() > 0 &&
      this.#context.waitingLine.hopes(this.#wish)
    );
  }

  granted(grant: Grant): void {
    this.#waited();
    if (this.#affinity?.settle(grant.record) === false) {
      // Another request of the session was given an exit first, while this one waited.
      grant.slot.release();
      return this.seek();
    }
    this.#owner.granted(grant);
  }

  /** The session's exit has gone. */
  deserted(): void {
    this.#waited();
    this.seek();
  }

  /** What the last attempt failed of says more than that waiting was in vain. */
  refused(error: ProxyError): void {
    this.#place = undefined;
    this.#owner.exhausted(this.#lastError ?? error);
  }

  #waited(): void {
    this.#place = undefined;
    this.queueMs += this.#context.now() - this.#soughtAtMs;
  }

  /** Begins this request's part in its session, once. */
  #keepSession(): void {
    const { account, session, targeting } = this.#work;
    if (session === undefined || this.#affinity !== undefined) return;
    const { filter } = this.#wish;
    // The session of a job goes on in a tunnel with the same targeting.
    const filterKey = filter.tunnel ? compileFilter(targeting).key : filter.key;
    const moment = { nowMs: this.#context.now(), epochMs: Date.now() };
    this.#affinity = this.#context.affinities.begin({ account, session, filterKey }, moment);
  }

  /** The session's exit and no other, as long as that takes work. */
  #nextWish(): ExitWish<AgentRecord> {
    const affinity = this.#affinity;
    const exit = affinity?.exit;
    if (affinity === undefined || exit === undefined) return this.#wish;
    if (isServing(exit) && isWished(exit, this.#wish)) return { ...this.#wish, only: exit };
    if (affinity.isBound) throw sessionLost();
    affinity.leave();
    return this.#wish;
  }

  #acquire(wish: ExitWish<AgentRecord>): Grant | undefined {
    const { waitingLine } = this.#context;
    const ip = wish.only === undefined ? this.#affinity?.formerIp : undefined;
    // To the target, an exit at the same address is the same exit.
    const sameAddress = ip === undefined ? undefined : waitingLine.acquire({ ...wish, ip });
    return sameAddress ?? waitingLine.acquire(wish);
  }

  /** A session leaves its exit only for the exit's own failure. */
  #mayLeave(code: ErrorCode): boolean {
    if (this.#affinity === undefined) return true;
    return isExitFailure(code) && !this.#affinity.isBound;
  }
}

function sessionLost(cause?: ProxyError): ProxyError {
  const message = "The exit of this strict session is gone";
  return new ProxyError("session_lost", message, { cause });
}
