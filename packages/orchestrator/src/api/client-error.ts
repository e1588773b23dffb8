/** Answers what never became a request: bytes that are no HTTP, heads that are too large or too slow. */
import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { ProxyError } from "@porchlight/protocol/errors";
import { createId } from "@porchlight/runtime/ids";
import { problemAnswer, type Answer } from "./answer.ts";

/** How long the client has to read the answer before the connection is gone. Milliseconds. */
const LINGER_MS = 500;

/** Node's code → the specific status and what was wrong. */
const FLAWS: Readonly<Record<string, readonly [status: number, message: string]>> = {
  HPE_HEADER_OVERFLOW: [431, "The request's head is too large"],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, "The request's chunk extensions are too large"],
  ERR_HTTP_REQUEST_TIMEOUT: [408, "The request did not come in time"],
};

/** The answer to an error of Node's HTTP server, by its code; it closes the connection. */
export function clientErrorAnswer(error: Error & { readonly code?: string }): Answer {
  const [status, message] = FLAWS[error.code ?? ""] ?? [400, "The request is not valid HTTP"];
  const requestId = createId("req");
  const answer = problemAnswer(new ProxyError("invalid_request", message), { requestId, status });
  return closing(answer);
}

/** The same answer, and the connection's end. */
export function closing(answer: Answer): Answer {
  return { ...answer, headers: { ...answer.headers, Connection: "close" } };
}

/** Writes an answer on a connection that has no response of its own, and ends it. */
export function sendOnSocket(socket: Duplex, { status, headers, body }: Answer): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const lines = Object.entries({ ...headers, "Content-Length": Buffer.byteLength(body) });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${head}\r\n${body}`);
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once("close", () => clearTimeout(timer));
}
