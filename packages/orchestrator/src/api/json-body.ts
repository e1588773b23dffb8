/** Reads a request's body, within bounds of size and time, as JSON. */
import { isUtf8 } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import { ProxyError } from "@porchlight/protocol/errors";
import { judgeJsonShape } from "./json-shape.ts";

/** How long a client may take to send a body. Milliseconds. */
export const BODY_DEADLINE_MS = 30_000;

/** How large a body may be, and how long it may take; beyond them it is refused. */
export interface BodyLimits {
  readonly maxBytes: number;
  /** Default `BODY_DEADLINE_MS`. */
  readonly deadlineMs?: number;
}

/** Parameters are free: JSON has no charset but UTF-8. Source: RFC 8259 §11. */
const JSON_TYPE = /^application\/json[\t ]*(?:;|$)/i;

/**
 * Whether the head of a request lets its body be read.
 * @throws {ProxyError} `unsupported_media_type` (faults A2); `body_too_large` when the declared length is (faults A3)
 */
export function checkBodyHead(request: Pick<IncomingMessage, "headers">, maxBytes: number): void {
  const { headers } = request;
  if (!JSON_TYPE.test(headers["content-type"] ?? "")) {
    throw new ProxyError("unsupported_media_type", "Send Content-Type: application/json");
  }
  if ((headers["content-encoding"] ?? "identity") !== "identity") {
    throw new ProxyError("unsupported_media_type", "Send the body without Content-Encoding");
  }
  if (Number(headers["content-length"] ?? 0) > maxBytes) throw tooLarge(maxBytes);
}

/**
 * The whole body of the request that `response` answers.
 * @throws {ProxyError} `body_too_large` when more comes than allowed (faults A3), `invalid_request` when it does
 * not come in time, `cancelled` when the client goes away or has been answered; what still comes is dropped
 */
export function readBody(response: ServerResponse, limits: BodyLimits): Promise<Buffer> {
  const { maxBytes, deadlineMs = BODY_DEADLINE_MS } = limits;
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const { req } = response;
  let chunks: Buffer[] = [];
  let bytes = 0;
  const stop = (): void => {
    clearTimeout(timer);
    response.off("close", leave);
    chunks = [];
  };
  const fail = (error: ProxyError): void => {
    stop();
    reject(error);
  };
  // The request itself does not close when it is answered before its end.
  const leave = (): void => fail(new ProxyError("cancelled", "The client went away"));
  const timer = setTimeout(() => fail(tooSlow(deadlineMs)), deadlineMs);
  response.once("close", leave);
  req.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= maxBytes) chunks.push(chunk);
    else fail(tooLarge(maxBytes));
  });
  req.once("end", () => {
    const [only] = chunks;
    resolve(only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks));
    stop();
  });
  req.once("error", leave);
  return promise;
}

/**
 * The value that the bytes of a body are as JSON.
 * @throws {ProxyError} `invalid_request` for what is none (faults A1) or has an absurd shape (faults A4); never
 * with a piece of it, which might be a secret (faults F27)
 */
export function parseJson(bytes: Buffer): unknown {
  if (bytes.length === 0) throw invalid("The body is empty");
  const flaw = judgeJsonShape(bytes);
  if (flaw !== undefined) throw flaw;
  if (!isUtf8(bytes)) throw invalid("The body is not UTF-8");
  try {
    return JSON.parse(bytes.toString()) as unknown;
  } catch {
    throw invalid("The body is not valid JSON");
  }
}

function invalid(message: string): ProxyError {
  return new ProxyError("invalid_request", message);
}

function tooLarge(maxBytes: number): ProxyError {
  return new ProxyError("body_too_large", `The body has more than ${maxBytes} bytes`);
}

function tooSlow(deadlineMs: number): ProxyError {
  return invalid(`The body did not come within ${deadlineMs} ms`);
}
