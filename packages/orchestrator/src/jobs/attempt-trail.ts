/**
 * When work that failed on one agent may be tried on another: only where that is provably safe, and only
 * where another agent may do better.
 */
import { ERRORS, type ErrorCode } from "@porchlight/protocol/errors";
import type { Attempt } from "@porchlight/protocol/job";
import type { AgentRecord } from "../agents/registry.ts";

/** Refusals that come before anything is sent to a target. */
const NOTHING_SENT: ReadonlySet<ErrorCode> = new Set([
  "overloaded",
  "shutting_down",
  "dns_failed",
  "host_unreachable",
  "connect_timeout",
]);

/** Work that has taken this many agents down is not let near another one (faults F21). */
const MAX_AGENTS_LOST = 2;

/** One failure, as the rule sees it. */
export interface Failure {
  readonly code: ErrorCode;
  /** Doing it twice is harmless: the method is idempotent, or the client has said so. */
  readonly repeatable: boolean;
  /** `never`: the agent was gone before it was asked. `surely`: a target has answered. `maybe`: the code decides. */
  readonly left: "never" | "maybe" | "surely";
}

/** The attempts of one job or tunnel so far. */
export class AttemptTrail {
  readonly tried: AgentRecord[] = [];
  readonly attempts: Attempt[] = [];
  #agentsLost = 0;

  /** Notes a failed attempt. `ms` is its duration in milliseconds. */
  failed(record: AgentRecord, code: ErrorCode, ms: number): void {
    this.tried.push(record);
    this.attempts.push({ agent: record.id, error: code, ms: roundMs(ms) });
    if (code === "agent_lost") this.#agentsLost++;
  }

  /** The attempts, with the one that serves as the last. */
  servedBy(record: AgentRecord, ms: number): readonly Attempt[] {
    return [...this.attempts, { agent: record.id, ms: roundMs(ms) }];
  }

  /** Whether the last failure may be followed by another attempt. */
  mayTryAnother(failure: Failure, maxRetries: number): boolean {
    return (
      ERRORS[failure.code].retry === "other-agent" &&
      this.attempts.length <= maxRetries &&
      this.#agentsLost < MAX_AGENTS_LOST &&
      (failure.repeatable || surelyNotSent(failure))
    );
  }
}

/** Milliseconds for people: two decimals. */
export function roundMs(ms: number): number {
  return Math.round(ms * 100) / 100;
}

function surelyNotSent({ code, left }: Failure): boolean {
  return left === "never" || (left === "maybe" && NOTHING_SENT.has(code));
}
