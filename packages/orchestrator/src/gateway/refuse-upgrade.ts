import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { ERRORS, type ErrorCode, type ProxyError } from "@porchlight/protocol/errors";
import type { Problem } from "@porchlight/protocol/job";
import { createId } from "@porchlight/runtime/ids";

/** The door's own projection of what it refuses with. Source: contract, "Error codes". */
const STATUSES: Partial<Record<ErrorCode, number>> = {
  invalid_request: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  overloaded: 503,
  shutting_down: 503,
};

/** How long an agent that is refused for now should wait. Seconds. */
const RETRY_AFTER_S = 1;

/** Answers an upgrade request with a problem body instead, and ends the connection. */
export function refuseUpgrade(socket: Duplex, error: ProxyError): void {
  const status = STATUSES[error.code] ?? 500;
  const requestId = createId("req");
  const body = JSON.stringify(problemOf(error, status, requestId));
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "Content-Type: application/problem+json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${requestId}`,
    "Connection: close",
  ];
  if (status === 401) lines.push("WWW-Authenticate: Bearer");
  if (status === 503) lines.push(`Retry-After: ${RETRY_AFTER_S}`);
  // The HTTP server has let go of the socket: nobody else would hear its errors, or close it.
  socket.on("error", () => socket.destroy());
  socket.once("finish", () => socket.destroy());
  socket.end(`${lines.join("\r\n")}\r\n\r\n${body}`);
}

function problemOf(error: ProxyError, status: number, requestId: string): Problem {
  const { title, fault, retry } = ERRORS[error.code];
  return {
    type: `urn:porchlight:error:${error.code}`,
    title,
    status,
    detail: error.message,
    code: error.code,
    fault,
    retryable: retry !== "never",
    requestId,
  };
}
