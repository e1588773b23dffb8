import { ProxyError } from "@porchlight/protocol/errors";
import type { JobRequest, Method } from "@porchlight/protocol/job";

/**
 * The request body for the target: `body` as UTF-8, or `bodyBase64` decoded. An empty one is a body too:
 * the target is told that its length is 0.
 * @throws {ProxyError} `invalid_request` when both are given, the Base64 is not strict (RFC 4648 §4, padded,
 * nothing between), or a GET or HEAD has one, which has no meaning (RFC 9110 §9.3.1)
 */
export function parseJobBody(
  { body, bodyBase64 }: Pick<JobRequest, "body" | "bodyBase64">,
  method: Method,
): Uint8Array | undefined {
  if (body === undefined && bodyBase64 === undefined) return undefined;
  if (body !== undefined && bodyBase64 !== undefined) {
    throw new ProxyError("invalid_request", '"body" and "bodyBase64" exclude each other');
  }
  const bytes = bodyBase64 === undefined ? Buffer.from(body ?? "") : decodeBase64(bodyBase64);
  if (method !== "GET" && method !== "HEAD") return bytes;
  if (bytes.length === 0) return undefined;
  throw new ProxyError("invalid_request", `A ${method} has no body: use another method`);
}

/** Node's decoder skips what is no Base64, so that only a body that encodes to the same text was strict. */
function decodeBase64(text: string): Buffer {
  const bytes = Buffer.from(text, "base64");
  if (bytes.toString("base64") === text) return bytes;
  throw new ProxyError("invalid_request", '"bodyBase64" is not Base64 with padding');
}
