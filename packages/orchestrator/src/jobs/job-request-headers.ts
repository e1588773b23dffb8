/** The headers of a job request → name, value, name, value, … for the agent. */
import { ProxyError } from "@porchlight/protocol/errors";
import { isFieldName, isFieldValue } from "@porchlight/protocol/http-field";
import type { JobRequest } from "@porchlight/protocol/job";
import { MAX_HEADER_BYTES, MAX_HEADERS } from "@porchlight/protocol/limits";
import { isPrototypeKey } from "./job-request-metadata.ts";

/** Headers that say how the message is framed or belong to one connection; the agent writes its own (faults A12). */
const FORBIDDEN: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Longest header name that is shown in a message. Characters. */
const SHOWN_CHARS = 64;

const NONE: readonly string[] = [];

/**
 * Judges and flattens headers; order and the names' case are kept, spaces around values are dropped. A `Host`
 * equal to the URL's is left out, since the agent writes it.
 * @throws {ProxyError} `invalid_header` (faults A11, A12), `invalid_request` for `__proto__` and the like (faults A5)
 */
export function parseJobHeaders(headers: JobRequest["headers"], url: URL): readonly string[] {
  if (headers === undefined) return NONE;
  const list: string[] = [];
  const seen = new Set<string>();
  let bytes = 0;
  for (const [name, value] of Object.entries(headers)) {
    const lowerName = judgeName(name, seen);
    for (const item of typeof value === "string" ? [value] : value) {
      const clean = judgeValue(name, item);
      if (lowerName === "host") judgeHost(clean, url);
      else list.push(name, clean);
      bytes += name.length + clean.length;
    }
  }
  if (list.length > MAX_HEADERS * 2) throw invalid(`A job has at most ${MAX_HEADERS} headers`);
  if (bytes > MAX_HEADER_BYTES) {
    throw invalid(`The headers of a job have at most ${MAX_HEADER_BYTES} characters`);
  }
  return list;
}

/** The name in lower case. */
function judgeName(name: string, seen: Set<string>): string {
  if (isPrototypeKey(name)) {
    throw new ProxyError("invalid_request", `"headers.${name}" is not allowed`);
  }
  if (!isFieldName(name)) throw invalid(`Header number ${seen.size + 1} has a name that is none`);
  const lowerName = name.toLowerCase();
  if (FORBIDDEN.has(lowerName) || lowerName.startsWith("proxy-")) {
    throw invalid(`${quote(name)} must not be given: it is written for each connection`);
  }
  // Two spellings of one name would be two headers to some and one to others (CVE-2026-1525).
  if (seen.has(lowerName)) throw invalid(`${quote(name)} is given twice: use a list of values`);
  seen.add(lowerName);
  return lowerName;
}

function judgeValue(name: string, value: string): string {
  if (isFieldValue(value)) return value.trim();
  throw invalid(`${quote(name)} has a value with characters that no header may have`);
}

function judgeHost(value: string, url: URL): void {
  const host = value.toLowerCase();
  const defaultPort = url.protocol === "https:" ? 443 : 80;
  if (host === url.host || host === `${url.hostname}:${url.port || defaultPort}`) return;
  throw invalid(`${quote("Host")} must be the host of "url", or be left out`);
}

/** A name that is a token, as a path. */
function quote(name: string): string {
  return `"headers.${name.length > SHOWN_CHARS ? `${name.slice(0, SHOWN_CHARS)}…` : name}"`;
}

function invalid(message: string): ProxyError {
  return new ProxyError("invalid_header", message);
}
