/** The search of one job or tunnel for an agent: at once, in the waiting line, and again after a failure. */
import { type ErrorCode, ProxyError } from "@porchlight/protocol/errors";
import type { AgentRecord } from "../agents/registry.ts";
import type { ExitFilter, ExitWish } from "../routing/exit-filter.ts";
import { AttemptTrail } from "./attempt-trail.ts";
import type { Grant, Place, Waiter, WaitingLine } from "./waiting-line.ts";

/** What all searches of one use case share. */
export interface SearchContext {
  readonly line: WaitingLine;
  /** How long a search waits for a free agent before `no_agent_available`. Milliseconds. */
  readonly queueWaitMs: number;
  /** Milliseconds that never go back. */
  readonly now: () => number;
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
  readonly filter: ExitFilter;
  /** 0..9; 9 is served first. */
  readonly priority: number;
  readonly maxRetries: number;
  readonly owner: SearchOwner;
}

/** What one job or tunnel has tried, and its place in the waiting line; its owner hears of each grant and of the end. */
export class ExitSearch implements Waiter {
  readonly trail = new AttemptTrail();
  /** Time spent without an agent. Milliseconds. */
  queueMs = 0;
  readonly #context: SearchContext;
  readonly #options: SearchOptions;
  readonly #wish: ExitWish<AgentRecord>;
  #place: Place | undefined;
  #soughtAtMs = 0;
  #lastError: ProxyError | undefined;

  constructor(context: SearchContext, options: SearchOptions) {
    this.#context = context;
    this.#options = options;
    this.#wish = { filter: options.filter, tried: this.trail.tried };
  }

  /** Whether it stands in the waiting line. */
  get waiting(): boolean {
    return this.#place !== undefined;
  }

  /** Asks for an agent that has not been tried. */
  seek(): void {
    const { line, queueWaitMs, now } = this.#context;
    this.#soughtAtMs = now();
    const grant = line.acquire(this.#wish);
    if (grant !== undefined) return this.granted(grant);
    const { priority } = this.#options;
    try {
      this.#place = line.wait(this.#wish, { priority, waitMs: queueWaitMs, waiter: this });
    } catch (thrown) {
      this.refused(ProxyError.from(thrown));
    }
  }

  /** Stops waiting. Idempotent. */
  leave(): void {
    if (this.#place !== undefined) this.#context.line.leave(this.#place);
    this.#place = undefined;
  }

  /** Notes that an attempt has failed after `ms`. */
  failed(record: AgentRecord, error: ProxyError, ms: number): void {
    this.trail.failed(record, error.code, ms);
    this.#lastError = error;
  }

  /**
   * Whether the failure just noted may be followed by an attempt on another agent.
   * @param harmless doing it again does nothing twice
   */
  mayGoOn(code: ErrorCode, harmless: boolean): boolean {
    return (
      harmless &&
      this.trail.mayTryAnother(code, this.#options.maxRetries) &&
      this.#options.owner.remainingMs() > 0 &&
      this.#context.line.hopes(this.#wish)
    );
  }

  granted(grant: Grant): void {
    this.#place = undefined;
    this.queueMs += this.#context.now() - this.#soughtAtMs;
    this.#options.owner.granted(grant);
  }

  /** What the last attempt failed of says more than that waiting was in vain. */
  refused(error: ProxyError): void {
    this.#place = undefined;
    this.#options.owner.exhausted(this.#lastError ?? error);
  }
}
