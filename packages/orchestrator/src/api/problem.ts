/** The job API's projection of the error table: status, headers and problem body. Source: RFC 9457, contract "Error codes". */
import type { ErrorCode, ProxyError } from "@porchlight/protocol/errors";
import type { Attempt, SessionView } from "@porchlight/protocol/job";
import { PROBLEM_TYPE, problemOf, retryAfterHeader } from "@porchlight/protocol/problem";
import { commonHeaders, jobHeaders } from "../http/answer-headers.ts";
import type { Answer } from "../http/answer.ts";

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

/** An error as an answer. */
export function problemAnswer(error: ProxyError, context: ProblemContext): Answer {
  const { requestId, jobId, attempts, allow } = context;
  const status = context.status ?? HTTP_STATUS[error.code];
  return {
    status,
    headers: {
      ...commonHeaders(requestId),
      "Content-Type": PROBLEM_TYPE,
      ...retryAfterHeader(error.code),
      ...(error.code === "unauthenticated" && { "WWW-Authenticate": "Bearer" }),
      ...(allow !== undefined && { Allow: allow.join(", ") }),
      ...jobHeaders(context),
    },
    body: JSON.stringify(problemOf(error, { status, requestId, jobId, attempts })),
  };
}
