/**
 * Where a redirect leads and what the next request looks like. Pure rules.
 * Source: RFC 9110 §15.4, with what browsers do on 301 and 302 (a POST becomes a GET).
 */
import { ProxyError } from "@porchlight/protocol/errors";
import { MAX_URL_CHARS } from "@porchlight/protocol/limits";

/** A request as it was sent; headers as name, value, name, value, … */
export interface SentRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: readonly string[];
}

/** The request a redirect asks for. */
export interface RedirectedRequest extends SentRequest {
  /** The request body, if there was one, goes along (307, 308, and 301 or 302 on anything but POST). */
  readonly keepsBody: boolean;
}

const REDIRECT_STATUSES: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Headers that speak of a body, dropped with it. Source: RFC 9110 §15.4. */
const BODY_HEADERS: ReadonlySet<string> = new Set([
  "content-encoding",
  "content-language",
  "content-location",
  "content-type",
  "content-length",
  "content-digest",
  "digest",
  "repr-digest",
  "last-modified",
]);

/** Headers meant for one origin alone, dropped when it changes; and all `Proxy-*` (faults A18). */
const ORIGIN_HEADERS: ReadonlySet<string> = new Set(["authorization", "cookie", "host"]);

/** Whether a status asks to go elsewhere, if a `Location` comes with it. */
export function isRedirect(status: number): boolean {
  return REDIRECT_STATUSES.has(status);
}

/**
 * The request that follows `request` after a response with `status` and `location`.
 * @throws {ProxyError} target_protocol_error when `location` cannot be read, target_forbidden when it leads out of HTTP
 */
export function redirectedRequest(
  request: SentRequest,
  status: number,
  location: string,
): RedirectedRequest {
  const url = redirectTarget(location, request.url);
  const method = redirectedMethod(request.method, status);
  const keepsBody = method === request.method && status !== 303;
  const isSameOrigin = url.origin === request.url.origin;
  const headers = keptHeaders(request.headers, (name) => {
    if (!keepsBody && BODY_HEADERS.has(name)) return false;
    return isSameOrigin || !(ORIGIN_HEADERS.has(name) || name.startsWith("proxy-"));
  });
  return { method, url, headers, keepsBody };
}

function redirectTarget(location: string, from: URL): URL {
  const url = URL.parse(asUtf8(location), from);
  if (url === null) {
    throw new ProxyError("target_protocol_error", "The redirect's Location cannot be read");
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    const scheme = url.protocol.slice(0, 32);
    throw new ProxyError("target_forbidden", `${scheme} is neither http: nor https:`);
  }
  // A fragment and credentials in a Location are not sent to anybody.
  url.hash = "";
  url.username = "";
  url.password = "";
  if (url.href.length > MAX_URL_CHARS) {
    throw new ProxyError("target_protocol_error", "The redirect's Location is too long");
  }
  return url;
}

function redirectedMethod(method: string, status: number): string {
  if (status === 303) return method === "HEAD" ? "HEAD" : "GET";
  if (method === "POST" && (status === 301 || status === 302)) return "GET";
  return method;
}

/** Header bytes come as Latin-1; a Location outside ASCII is UTF-8 in practice. */
function asUtf8(value: string): string {
  // oxlint-disable-next-line no-control-regex -- everything but ASCII is meant
  return /[^\0-\x7f]/.test(value) ? Buffer.from(value, "latin1").toString("utf8") : value;
}

function keptHeaders(
  headers: readonly string[],
  isKept: (lowerCaseName: string) => boolean,
): readonly string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? "";
    if (isKept(name.toLowerCase())) kept.push(name, headers[i + 1] ?? "");
  }
  return kept;
}
