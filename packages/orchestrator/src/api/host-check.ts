/** What HTTP asks of the Host header, judged here so that its refusal is a problem like any other. */
import type { IncomingMessage } from "node:http";
import { ProxyError } from "@porchlight/protocol/errors";

/**
 * What is wrong with a request's Host headers: one is needed in HTTP/1.1, more are never allowed.
 * Source: RFC 9112 §3.2.
 */
export function judgeHostHeader({
  httpVersion,
  rawHeaders,
}: Pick<IncomingMessage, "httpVersion" | "rawHeaders">): ProxyError | undefined {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? "";
    if (name.length === 4 && name.toLowerCase() === "host") count++;
  }
  if (count > 1) return new ProxyError("invalid_request", "The request has more than one Host");
  if (count === 1 || httpVersion !== "1.1") return undefined;
  return new ProxyError("invalid_request", "The request has no Host");
}
