/**
 * Which agents keep failing, and for which targets. An agent's own faults (lost, protocol) are held against the
 * agent; a target's (no answer, reset, unknown name) against that agent for that domain only; a client's and an
 * orchestrator's against nobody, and no status of a target is a failure. The breakers say whom to prefer and forbid
 * nothing: of agents that all cool down, the one due first serves. Kept only for agents that failed lately.
 */
import { ERRORS, type ErrorCode } from "@porchlight/protocol/errors";
import { Breaker, MAX_COOL_DOWN_MS } from "./breaker.ts";
import { RecentMap } from "./recent-map.ts";
import type { Target } from "./target.ts";

/** Domains with failures that are remembered of one agent; beyond it the one that failed longest ago is forgiven. */
export const MAX_TROUBLED_DOMAINS = 32;

/** Without a failure for so long, an agent is forgiven: a probe has been due for a while. Milliseconds. */
export const FORGIVEN_AFTER_MS = 2 * MAX_COOL_DOWN_MS;

/** A deadline that comes sooner says more of the client's haste than of the exit. Milliseconds. */
const TELLING_WAIT_MS = 2_000;

const DEADLINES: ReadonlySet<ErrorCode> = new Set([
  "connect_timeout",
  "target_timeout",
  "job_timeout",
]);

/** The target has answered, with more than the client wanted. */
const ANSWERS: ReadonlySet<ErrorCode> = new Set(["response_too_large", "too_many_redirects"]);

/** How an attempt failed, after `ms`. */
export interface Failure {
  readonly code: ErrorCode;
  readonly ms: number;
  readonly nowMs: number;
}

/** What is held against one agent. */
interface Troubles {
  agent: Breaker | undefined;
  readonly domains: RecentMap<string, Breaker>;
  failedAtMs: number;
}

/** The breakers of all agents. Times are milliseconds of any one monotonic clock. */
export class ExitHealth<R extends object> {
  /** In the order of their last failure. */
  readonly #troubled = new Map<R, Troubles>();
  #failedAtMs = Number.NEGATIVE_INFINITY;

  /** Until when another agent is to be preferred for this target; 0 when none is. */
  coolUntilMs(record: R, target: Target, nowMs: number): number {
    const troubles = this.#troublesOf(record, nowMs);
    if (troubles === undefined) return 0;
    const agentMs = troubles.agent?.coolUntilMs(nowMs) ?? 0;
    const targetMs = troubles.domains.get(target.domain)?.coolUntilMs(nowMs) ?? 0;
    return Math.max(agentMs, targetMs);
  }

  /** The agent is about to be asked. */
  chosen(record: R, target: Target, nowMs: number): void {
    const troubles = this.#troublesOf(record, nowMs);
    if (troubles === undefined) return;
    troubles.agent?.chosen(nowMs);
    troubles.domains.get(target.domain)?.chosen(nowMs);
  }

  /** The target has answered through the agent. */
  succeeded(record: R, target: Target): void {
    const troubles = this.#troubled.get(record);
    if (troubles === undefined) return;
    troubles.agent = undefined;
    troubles.domains.delete(target.domain);
    if (troubles.domains.size === 0) this.#troubled.delete(record);
  }

  /** An attempt has failed or was broken off. */
  failed(record: R, target: Target, { code, ms, nowMs }: Failure): void {
    const culprit = culpritOf(code, ms);
    if (culprit === undefined) return this.#undecided(record, target, nowMs);
    const troubles = this.#troubleWith(record, nowMs);
    if (culprit === "agent") {
      troubles.agent ??= new Breaker();
      troubles.agent.failed(nowMs);
      troubles.domains.get(target.domain)?.undecided(nowMs);
      return;
    }
    // It has told of its target's failure as it should.
    troubles.agent = undefined;
    const breaker = troubles.domains.get(target.domain) ?? new Breaker();
    breaker.failed(nowMs);
    troubles.domains.set(target.domain, breaker);
  }

  /** Open breakers at this moment: of agents, and of agents for one domain. */
  open(nowMs: number): { readonly agents: number; readonly targets: number } {
    this.#forgive(nowMs);
    let agents = 0;
    let targets = 0;
    for (const { agent, domains } of this.#troubled.values()) {
      if (agent?.isOpen === true) agents++;
      for (const breaker of domains.values()) if (breaker.isOpen) targets++;
    }
    return { agents, targets };
  }

  #undecided(record: R, target: Target, nowMs: number): void {
    const troubles = this.#troublesOf(record, nowMs);
    if (troubles === undefined) return;
    troubles.agent?.undecided(nowMs);
    troubles.domains.get(target.domain)?.undecided(nowMs);
  }

  /** One comparison while nobody has failed lately. */
  #troublesOf(record: R, nowMs: number): Troubles | undefined {
    if (nowMs - this.#failedAtMs >= FORGIVEN_AFTER_MS) return undefined;
    return this.#troubled.get(record);
  }

  #troubleWith(record: R, nowMs: number): Troubles {
    this.#forgive(nowMs);
    this.#failedAtMs = nowMs;
    const known = this.#troubled.get(record);
    const troubles = known ?? newTroubles();
    troubles.failedAtMs = nowMs;
    this.#troubled.delete(record);
    this.#troubled.set(record, troubles);
    return troubles;
  }

  #forgive(nowMs: number): void {
    for (const [record, { failedAtMs }] of this.#troubled) {
      if (nowMs - failedAtMs < FORGIVEN_AFTER_MS) return;
      this.#troubled.delete(record);
    }
  }
}

function newTroubles(): Troubles {
  return { agent: undefined, domains: new RecentMap(MAX_TROUBLED_DOMAINS), failedAtMs: 0 };
}

function culpritOf(code: ErrorCode, ms: number): "agent" | "target" | undefined {
  if (ANSWERS.has(code) || (DEADLINES.has(code) && ms < TELLING_WAIT_MS)) return undefined;
  const { fault } = ERRORS[code];
  return fault === "agent" || fault === "target" ? fault : undefined;
}
