/** Writes whole answers, on bare node:http responses and on connections that have none. */
import { STATUS_CODES, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { resetSocket } from "@porchlight/runtime/reset-socket";

/** A refused body that is declared no larger is read to its end, so that the connection can be kept. Bytes. */
const READ_ANYWAY_BYTES = 64 * 1024;

/** How long a client has to read the answer before its connection is closed; what it still sends is dropped. Milliseconds. */
const LINGER_MS = 500;

/** How long a client may read nothing of an answer that is complete here. Milliseconds. */
export const STALLED_READER_MS = 60_000;

/** A whole answer. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Responses that `send` has given their whole answer. */
const whole = new WeakSet<ServerResponse>();

/** Whether a response has its whole answer, and needs nothing more but to be read. */
export function hasWholeAnswer(response: ServerResponse): boolean {
  return whole.has(response);
}

/** Tells a client that waits for it to send its body. Source: RFC 9110 §10.1.1. */
export function askForBody(response: ServerResponse): void {
  if (response.req.headers.expect?.toLowerCase() === "100-continue") response.writeContinue();
}

/** Sends an answer; nothing happens when the client has gone or an answer has begun. */
export function send(response: ServerResponse, { status, headers, body }: Answer): void {
  if (response.destroyed || response.headersSent) return;
  whole.add(response);
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

/** Breaks an answer off that has begun: the client must see a broken connection, never a short success (faults F1). */
export function breakOff(response: ServerResponse): void {
  const { socket } = response;
  // Without a length and without chunks (HTTP/1.0), an orderly end would look like the end of the body.
  if (socket === null) response.destroy();
  else resetSocket(socket);
}

/** The same answer, and the connection's end. */
export function closing(answer: Answer): Answer {
  return { ...answer, headers: { ...answer.headers, Connection: "close" } };
}

/** Writes an answer on a connection that has no response of its own, and ends it; nothing on one that has been ended. */
export function sendOnSocket(socket: Duplex, { status, headers, body }: Answer): void {
  if (socket.writableEnded) return;
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const lines = Object.entries({ ...headers, "Content-Length": Buffer.byteLength(body) });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${head}\r\n${body}`);
  closeSoon(socket);
}

/** Ends a connection once its client has had the time to read the last answer; what it still sends is dropped. */
export function closeSoon(socket: Duplex): void {
  // Sees the client's own end, which may come sooner.
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once("close", () => clearTimeout(timer));
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
