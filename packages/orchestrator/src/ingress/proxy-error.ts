/** The proxy door's projection of the error table: HTTP status, Proxy-Status, SOCKS reply. Source: contract, "Error codes". */
import type { ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { ErrorCode, ProxyError } from "@porchlight/protocol/errors";
import type { Attempt } from "@porchlight/protocol/job";
import { PROBLEM_TYPE, problemOf, retryAfterHeader } from "@porchlight/protocol/problem";
import { commonHeaders, jobHeaders } from "../http/answer-headers.ts";
import { closing, send, sendOnSocket, type Answer } from "../http/answer.ts";
import { SOCKS_REPLY } from "./socks-reply.ts";

interface ProxyErrorEntry {
  /** Of the HTTP answer. 499 is never seen: its client has gone. */
  readonly status: number;
  /** Error type in `Proxy-Status`. Source: RFC 9209 §2.3. */
  readonly token: string;
  /** Reply in the SOCKS handshake. */
  readonly socks: number;
}

const { failure, notAllowed, hostUnreachable, refused } = SOCKS_REPLY;

/** Code → what clients of the proxy are told. */
export const PROXY_ERRORS = {
  internal: { status: 500, token: "proxy_internal_error", socks: failure },
  cancelled: { status: 499, token: "http_request_error", socks: failure },
  invalid_request: { status: 400, token: "http_request_error", socks: failure },
  invalid_url: { status: 400, token: "http_request_error", socks: failure },
  invalid_header: { status: 400, token: "http_request_error", socks: failure },
  unauthenticated: { status: 407, token: "http_request_denied", socks: failure },
  forbidden: { status: 403, token: "http_request_denied", socks: notAllowed },
  target_forbidden: { status: 403, token: "destination_ip_prohibited", socks: notAllowed },
  port_forbidden: { status: 403, token: "http_request_denied", socks: notAllowed },
  not_found: { status: 404, token: "http_request_error", socks: failure },
  method_not_allowed: { status: 405, token: "http_request_error", socks: failure },
  job_ended: { status: 409, token: "http_request_denied", socks: failure },
  session_mismatch: { status: 409, token: "http_request_denied", socks: failure },
  body_too_large: { status: 413, token: "http_request_error", socks: failure },
  unsupported_media_type: { status: 415, token: "http_request_error", socks: failure },
  idempotency_key_reused: { status: 422, token: "http_request_error", socks: failure },
  rate_limited: { status: 429, token: "connection_limit_reached", socks: failure },
  loop_detected: { status: 508, token: "proxy_loop_detected", socks: notAllowed },
  no_agent_available: { status: 503, token: "destination_unavailable", socks: failure },
  overloaded: { status: 503, token: "destination_unavailable", socks: failure },
  shutting_down: { status: 503, token: "destination_unavailable", socks: failure },
  session_lost: { status: 502, token: "connection_terminated", socks: failure },
  agent_lost: { status: 502, token: "connection_terminated", socks: failure },
  agent_revoked: { status: 502, token: "connection_terminated", socks: failure },
  agent_protocol_error: { status: 502, token: "connection_terminated", socks: failure },
  dns_failed: { status: 502, token: "dns_error", socks: hostUnreachable },
  host_unreachable: { status: 502, token: "destination_ip_unroutable", socks: hostUnreachable },
  connection_refused: { status: 502, token: "connection_refused", socks: refused },
  connection_reset: { status: 502, token: "connection_terminated", socks: failure },
  tls_failed: { status: 502, token: "tls_protocol_error", socks: failure },
  target_protocol_error: { status: 502, token: "http_protocol_error", socks: failure },
  response_truncated: { status: 502, token: "http_response_incomplete", socks: failure },
  response_too_large: { status: 502, token: "http_response_body_size", socks: failure },
  too_many_redirects: { status: 502, token: "http_protocol_error", socks: failure },
  connect_timeout: { status: 504, token: "connection_timeout", socks: hostUnreachable },
  target_timeout: { status: 504, token: "http_response_timeout", socks: hostUnreachable },
  job_timeout: { status: 504, token: "http_response_timeout", socks: hostUnreachable },
} as const satisfies Record<ErrorCode, ProxyErrorEntry>;

/** What is known of the request that failed. */
export interface ProxyErrorContext {
  readonly requestId: string;
  readonly jobId?: string;
  readonly attempts?: readonly Attempt[];
  /** Another status of the same class, where HTTP has a more specific one (408, 431). */
  readonly status?: number;
}

/** An error as an HTTP answer. */
export function proxyErrorAnswer(error: ProxyError, context: ProxyErrorContext): Answer {
  const { requestId, jobId, attempts } = context;
  const { token, status: usualStatus } = PROXY_ERRORS[error.code];
  const status = context.status ?? usualStatus;
  return {
    status,
    headers: {
      ...commonHeaders(requestId),
      "Content-Type": PROBLEM_TYPE,
      "Proxy-Status": `porchlight; error=${token}; details="${error.code}"`,
      ...retryAfterHeader(error.code),
      ...(error.code === "unauthenticated" && { "Proxy-Authenticate": 'Basic realm="porchlight"' }),
      ...jobHeaders(context),
    },
    body: JSON.stringify(problemOf(error, { status, requestId, jobId, attempts })),
  };
}

/** Answers a request with an error; nothing happens when the client has gone or an answer has begun. */
export function sendProxyError(
  response: ServerResponse,
  error: ProxyError,
  context: ProxyErrorContext,
): void {
  send(response, proxyErrorAnswer(error, context));
}

/** Answers with an error on a connection that has no response, once, and ends it. */
export function sendProxyErrorOnSocket(
  socket: Duplex,
  error: ProxyError,
  context: ProxyErrorContext,
): void {
  sendOnSocket(socket, closing(proxyErrorAnswer(error, context)));
}
