/** The job API's projection of the error table: status, headers and problem body. Source: RFC 9457, contract "Error codes". */
import { ERRORS, type ErrorCode, type ProxyError } from "@porchlight/protocol/errors";
import type { Attempt, Problem, SessionView } from "@porchlight/protocol/job";

/** Code → HTTP status. 499 is never seen: a job is cancelled when its client has gone. */
export const HTTP_STATUS = {
  internal: 500,
  cancelled: 499,
  invalid_request: 400,
  invalid_url: 400,
  invalid_header: 400,
  unauthenticated: 401,
  forbidden: 403,
  target_forbidden: 403,
  port_forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  job_ended: 409,
  session_mismatch: 409,
  body_too_large: 413,
  unsupported_media_type: 415,
  idempotency_key_reused: 422,
  rate_limited: 429,
  loop_detected: 508,
  no_agent_available: 503,
  overloaded: 503,
  shutting_down: 503,
  session_lost: 502,
  agent_lost: 502,
  agent_revoked: 502,
  agent_protocol_error: 502,
  dns_failed: 502,
  host_unreachable: 502,
  connection_refused: 502,
  connection_reset: 502,
  tls_failed: 502,
  target_protocol_error: 502,
  response_truncated: 502,
  response_too_large: 502,
  too_many_redirects: 502,
  connect_timeout: 504,
  target_timeout: 504,
  job_timeout: 504,
} as const satisfies Record<ErrorCode, number>;

/** Code → seconds in `Retry-After`, where waiting helps. */
const RETRY_AFTER_SECONDS: Partial<Record<ErrorCode, number>> = {
  rate_limited: 1,
  no_agent_available: 5,
  overloaded: 1,
  shutting_down: 5,
};

/** Media type of problem bodies. */
export const PROBLEM_TYPE = "application/problem+json";

/** What is known of the call that failed. */
export interface ProblemContext {
  readonly requestId: string;
  readonly jobId?: string;
  readonly attempts?: readonly Attempt[];
  /** Of a job that kept to one. */
  readonly session?: SessionView | undefined;
  /** For `method_not_allowed`: what the route takes. */
  readonly allow?: readonly string[];
  /** Another status of the same class, where HTTP has a more specific one (408, 431). */
  readonly status?: number;
}

/** The problem body of an error. */
export function problemOf(error: ProxyError, context: ProblemContext): Problem {
  const { jobId, attempts } = context;
  return {
    type: `urn:porchlight:error:${error.code}`,
    title: ERRORS[error.code].title,
    status: context.status ?? HTTP_STATUS[error.code],
    detail: error.message,
    code: error.code,
    fault: error.fault,
    retryable: error.retry !== "never",
    requestId: context.requestId,
    ...(jobId !== undefined && { jobId }),
    ...(attempts !== undefined && { attempts }),
  };
}

/** The headers that go with an error, besides those of every answer. */
export function problemHeaders(error: ProxyError, context: ProblemContext): Record<string, string> {
  const retryAfter = RETRY_AFTER_SECONDS[error.code];
  return {
    "Content-Type": PROBLEM_TYPE,
    ...(retryAfter !== undefined && { "Retry-After": String(retryAfter) }),
    ...(error.code === "unauthenticated" && { "WWW-Authenticate": "Bearer" }),
    ...(context.allow !== undefined && { Allow: context.allow.join(", ") }),
    ...jobHeaders(context),
  };
}

/**
 * `Porchlight-*` headers of a job as far as it got: its id, the exit tried last, how many were tried, and whether its
 * session has moved to that exit.
 */
export function jobHeaders({
  jobId,
  attempts,
  session,
}: Pick<ProblemContext, "jobId" | "attempts" | "session">): Record<string, string> {
  const exit = attempts?.at(-1)?.agent;
  return {
    ...(jobId !== undefined && { "Porchlight-Job": jobId }),
    ...(exit !== undefined && { "Porchlight-Exit": exit }),
    ...(attempts !== undefined && { "Porchlight-Attempts": String(attempts.length) }),
    ...(session?.moved === true && { "Porchlight-Session": "moved" }),
  };
}
