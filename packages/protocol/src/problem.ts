/** An error as a problem body: the same at every door, each of which has its own statuses. Source: RFC 9457, contract "Error". */
import { ERRORS, type ErrorCode, type ProxyError } from "./errors.ts";
import type { Attempt, Problem } from "./job.ts";

/** Media type of problem bodies. */
export const PROBLEM_TYPE = "application/problem+json";

/** What a door knows of the call that failed. */
export interface ProblemFacts {
  /** Of the HTTP answer. */
  readonly status: number;
  readonly requestId: string;
  readonly jobId?: string | undefined;
  readonly attempts?: readonly Attempt[] | undefined;
}

/** The problem body of an error. */
export function problemOf(
  error: ProxyError,
  { status, requestId, jobId, attempts }: ProblemFacts,
): Problem {
  return {
    type: `urn:porchlight:error:${error.code}`,
    title: ERRORS[error.code].title,
    status,
    detail: error.message,
    code: error.code,
    fault: error.fault,
    retryable: error.retry !== "never",
    requestId,
    ...(jobId !== undefined && { jobId }),
    ...(attempts !== undefined && { attempts }),
  };
}

/** Code → seconds. An orchestrator that is leaving is not the only one, or is back in a moment. */
const RETRY_AFTER_SECONDS: Partial<Record<ErrorCode, number>> = {
  rate_limited: 1,
  no_agent_available: 5,
  overloaded: 1,
  shutting_down: 1,
};

/** `Retry-After`, where waiting helps; else nothing. Source: RFC 9110 §10.2.3. */
export function retryAfterHeader(code: ErrorCode): Record<string, string> {
  const seconds = RETRY_AFTER_SECONDS[code];
  return seconds === undefined ? {} : { "Retry-After": String(seconds) };
}
