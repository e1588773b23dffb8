/**
 * When work that failed on one agent may be tried on another: only where that is provably safe, and only
 * where another agent may do better.
 */
import { roundMs } from "@porchlight/protocol/round-ms";
import { ERRORS, type ErrorCode } from "@porchlight/protocol/errors";
import type { Attempt } from "@porchlight/protocol/job";
import type { AgentRecord } from "../agents/registry.ts";

/** Work that has taken this many agents down is not let near another one (faults F21). */
const MAX_AGENTS_LOST = 2;

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

  /** Whether a failure with this code may be followed by another attempt, if doing it again is harmless. */
  mayTryAnother(code: ErrorCode, maxRetries: number): boolean {
    return (
      ERRORS[code].retry === "other-agent" &&
      this.attempts.length <= maxRetries &&
      this.#agentsLost < MAX_AGENTS_LOST
    );
  }
}
