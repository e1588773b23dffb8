import type { Duplex } from "node:stream";
import type { ErrorCode, ProxyError } from "@porchlight/protocol/errors";
import { PROBLEM_TYPE, problemOf, retryAfterHeader } from "@porchlight/protocol/problem";
import { createId } from "@porchlight/runtime/ids";
import { commonHeaders } from "../http/answer-headers.ts";
import { closing, sendOnSocket } from "../http/answer.ts";

/** The door's own projection of what it refuses with. Source: contract, "Error codes". */
const STATUSES: Partial<Record<ErrorCode, number>> = {
  invalid_request: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  overloaded: 503,
  shutting_down: 503,
};

/** Answers an upgrade request with a problem body instead, and ends the connection. */
export function refuseUpgrade(socket: Duplex, error: ProxyError): void {
  const status = STATUSES[error.code] ?? 500;
  const requestId = createId("req");
  const headers = {
    ...commonHeaders(requestId),
    "Content-Type": PROBLEM_TYPE,
    ...retryAfterHeader(error.code),
    ...(status === 401 && { "WWW-Authenticate": "Bearer" }),
  };
  // The HTTP server has let go of the socket: nobody else would hear its errors.
  socket.on("error", () => socket.destroy());
  const body = JSON.stringify(problemOf(error, { status, requestId }));
  sendOnSocket(socket, closing({ status, headers, body }));
}
