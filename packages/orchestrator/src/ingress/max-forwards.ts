/** How far OPTIONS and TRACE may go, and the answer where they end: here (faults P10). Source: RFC 9110 §7.6.2. */
import { ProxyError } from "@porchlight/protocol/errors";
import { headerValue, mapHeaders } from "@porchlight/protocol/header-list";

/** A request, as far as it matters here. */
export interface LimitedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly string[];
}

/** Methods that heed `Max-Forwards`. */
const LIMITED: ReadonlySet<string> = new Set(["OPTIONS", "TRACE"]);

/** What is not reflected: secrets. Source: RFC 9110 §9.3.8. */
const SECRET: ReadonlySet<string> = new Set(["authorization", "proxy-authorization", "cookie"]);

/**
 * How often the request may still be sent on; `undefined` where nothing limits it.
 * @throws {ProxyError} `invalid_header` for a limit that is no number
 */
export function maxForwards({ method, headers }: LimitedRequest): number | undefined {
  if (!LIMITED.has(method)) return undefined;
  const value = headerValue(headers, "max-forwards");
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value);
  throw new ProxyError("invalid_header", "Max-Forwards is not a number");
}

/** An answer of ours to OPTIONS or TRACE. */
export interface OwnAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The answer to a request that may not be sent on. */
export function ownAnswer(request: LimitedRequest): OwnAnswer {
  if (request.method === "OPTIONS") return { status: 200, headers: { Allow: ALLOW }, body: "" };
  return { status: 200, headers: { "Content-Type": "message/http" }, body: reflection(request) };
}

const ALLOW = "GET, HEAD, POST, PUT, PATCH, DELETE, CONNECT, OPTIONS, TRACE";

function reflection({ method, url, headers }: LimitedRequest): string {
  const shown = mapHeaders(headers, (name, value) => (SECRET.has(name) ? undefined : value));
  const lines = [`${method} ${url} HTTP/1.1`];
  for (let index = 0; index < shown.length; index += 2) {
    lines.push(`${shown[index]}: ${shown[index + 1]}`);
  }
  return `${lines.join("\r\n")}\r\n\r\n`;
}
