/**
 * Checks what the orchestrator asks for once more, here: what leaves this home does not depend on how
 * careful others were (faults A8 to A12, G17).
 */
import { ProxyError } from "@porchlight/protocol/errors";
import { isFieldName, isFieldValue } from "@porchlight/protocol/http-field";
import { MAX_HEADER_BYTES, MAX_URL_CHARS } from "@porchlight/protocol/limits";
import type { OpenHttp } from "@porchlight/protocol/message";
import type { SentRequest } from "./redirect.ts";

const METHOD = /^[A-Z]+$/;

/** Headers about the connection or the framing, which are this agent's own affair. */
const FORBIDDEN: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "transfer-encoding",
  "upgrade",
]);

/** Headers that ask for something this client does not do; the request means the same without. */
const DROPPED: ReadonlySet<string> = new Set(["expect", "te", "trailer"]);

/**
 * The request to send, with the headers that go out as given.
 * @throws {ProxyError} invalid_request, invalid_url or invalid_header naming what is wrong
 */
export function checkRequest(open: OpenHttp): SentRequest {
  if (!METHOD.test(open.method) || open.method === "CONNECT" || open.method === "TRACE") {
    throw new ProxyError("invalid_request", "The method is not one an agent sends");
  }
  const url = checkUrl(open.url);
  return { method: open.method, url, headers: checkHeaders(open, url) };
}

function checkUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null) throw new ProxyError("invalid_url", "The URL cannot be read");
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new ProxyError("invalid_url", "Only http and https URLs are fetched");
  }
  if (url.username !== "" || url.password !== "") {
    throw new ProxyError("invalid_url", "The URL holds credentials");
  }
  url.hash = "";
  // Percent-encoding may have made it longer than it came.
  if (url.href.length > MAX_URL_CHARS) {
    throw new ProxyError("invalid_url", `The URL is longer than ${MAX_URL_CHARS} characters`);
  }
  return url;
}

function checkHeaders(open: OpenHttp, url: URL): readonly string[] {
  const { headers } = open;
  if (headers.length % 2 !== 0) throw new ProxyError("invalid_header", "A header has no value");
  const kept: string[] = [];
  let bytes = 0;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? "";
    const value = headers[i + 1] ?? "";
    bytes += name.length + value.length;
    if (isSent(name, value, { url, bodyBytes: open.bodyBytes })) kept.push(name, value);
  }
  if (bytes > MAX_HEADER_BYTES) {
    throw new ProxyError("invalid_header", `The headers are larger than ${MAX_HEADER_BYTES} bytes`);
  }
  return kept;
}

/** Whether a header goes out; `Host` and `Content-Length` are written from the URL and the body, and may only agree. */
function isSent(name: string, value: string, request: { url: URL; bodyBytes: number }): boolean {
  if (!isFieldName(name)) throw new ProxyError("invalid_header", "A header name is not a token");
  const lowerCaseName = name.toLowerCase();
  if (FORBIDDEN.has(lowerCaseName) || lowerCaseName.startsWith("proxy-")) {
    throw new ProxyError("invalid_header", `The header ${lowerCaseName} may not be set`);
  }
  if (!isFieldValue(value)) {
    throw new ProxyError(
      "invalid_header",
      `The value of ${lowerCaseName} holds a forbidden character`,
    );
  }
  const written = writtenHere(lowerCaseName, request);
  if (written !== undefined && value.toLowerCase() !== written) {
    throw new ProxyError("invalid_header", `The header ${lowerCaseName} contradicts the request`);
  }
  return written === undefined && !DROPPED.has(lowerCaseName);
}

function writtenHere(
  lowerCaseName: string,
  request: { url: URL; bodyBytes: number },
): string | undefined {
  if (lowerCaseName === "host") return request.url.host;
  if (lowerCaseName === "content-length") return String(request.bodyBytes);
  return undefined;
}
