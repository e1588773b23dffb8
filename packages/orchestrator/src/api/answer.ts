/** Writes whole answers on bare node:http responses. */
import type { ServerResponse } from "node:http";
import type { ProxyError } from "@porchlight/protocol/errors";
import { problemHeaders, problemOf, type ProblemContext } from "./problem.ts";

/** A refused body that is declared no larger is read to its end, so that the connection can be kept. Bytes. */
const READ_ANYWAY_BYTES = 64 * 1024;

/** How long a larger one is read and dropped, so that the client reads the answer before the connection closes. Milliseconds. */
const LINGER_MS = 500;

/** How long a client may read nothing of an answer that is complete here. Milliseconds. */
export const STALLED_READER_MS = 60_000;

/** A whole answer. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What every answer of this API carries: nothing of it belongs into a cache, or is to be guessed at. */
export function commonHeaders(requestId: string): Record<string, string> {
  return {
    "X-Request-Id": requestId,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
  };
}

/** An error as an answer. */
export function problemAnswer(error: ProxyError, context: ProblemContext): Answer {
  const problem = problemOf(error, context);
  return {
    status: problem.status,
    headers: { ...commonHeaders(context.requestId), ...problemHeaders(error, context) },
    body: JSON.stringify(problem),
  };
}

/** Tells a client that waits for it to send its body. Source: RFC 9110 §10.1.1. */
export function askForBody(response: ServerResponse): void {
  if (response.req.headers.expect?.toLowerCase() === "100-continue") response.writeContinue();
}

/** Sends an answer; nothing happens when the client has gone or an answer has begun. */
export function send(response: ServerResponse, { status, headers, body }: Answer): void {
  if (response.destroyed || response.headersSent) return;
  const length = { "Content-Length": Buffer.byteLength(body) };
  if (!hasLargeRest(response)) {
    response.writeHead(status, { ...headers, ...length });
    finish(response, body);
    return;
  }
  response.writeHead(status, { ...headers, ...length, Connection: "close" });
  response.write(body);
  endLater(response);
}

/** Ends a response. A client that stops reading what is left to be sent loses its connection (faults F10). */
export function finish(response: ServerResponse, body?: string): void {
  response.end(body);
  if ((response.socket?.writableLength ?? 0) > 0) response.setTimeout(STALLED_READER_MS);
}

/** Whether more of the request may come than is worth reading. */
function hasLargeRest({ req }: ServerResponse): boolean {
  if (req.complete) return false;
  const { headers } = req;
  const isChunked = headers["transfer-encoding"] !== undefined;
  return isChunked || Number(headers["content-length"] ?? 0) > READ_ANYWAY_BYTES;
}

/** Closing a socket with unread bytes resets it, and the client might lose the answer that it already has. */
function endLater(response: ServerResponse): void {
  const { req } = response;
  const timer = setTimeout(end, LINGER_MS);
  function end(): void {
    clearTimeout(timer);
    response.end();
  }
  req.once("end", end);
  req.once("close", end);
  req.resume();
}
