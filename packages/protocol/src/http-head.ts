/**
 * Judges a response head that an agent sent, before anything of it is forwarded. An agent may be anybody's
 * program: what a client receives has to be a well-formed HTTP response all the same (faults G9, G10).
 */
import { ProxyError } from "./errors.ts";
import { isFieldName, isFieldValue } from "./http-field.ts";
import { MAX_HEADER_BYTES, MAX_HEADERS } from "./limits.ts";
import type { HttpHead, Trailers } from "./message.ts";

/** A URL as the WHATWG parser writes it: ASCII, nothing that would have to be escaped. */
const HTTP_URL = /^https?:\/\/[\u{21}-\u{7e}]+$/u;

/** Content-Length of at most 15 digits: exact as a number. Source: RFC 9110 §8.6. */
const LENGTH = /^\d{1,15}$/;

/** Statuses that never have a body. Source: RFC 9110 §6.4.1. */
const BODYLESS_STATUSES: ReadonlySet<number> = new Set([204, 304]);

/** What is wrong with a response head, as `agent_protocol_error`; `undefined` when it may be forwarded. */
export function checkHttpHead(head: HttpHead): ProxyError | undefined {
  if (!isFinalStatus(head.status)) return broken(`Agent sent status ${quote(head.status)}`);
  if (!HTTP_URL.test(head.url)) return broken("Agent sent a final URL that is none");
  const error = checkHeaderList(head.headers);
  if (error !== undefined || head.resend === undefined) return error;
  if (!HTTP_URL.test(head.resend.url)) return broken("Agent sent a redirect to a URL that is none");
  return checkHeaderList(head.resend.headers);
}

/** What is wrong with a list of name, value, name, value, …, of a response head or its trailers. */
export function checkHeaderList(headers: Trailers): ProxyError | undefined {
  if (headers.length % 2 !== 0) return broken("Agent sent a header without a value");
  if (headers.length > MAX_HEADERS * 2)
    return broken(`Agent sent more than ${MAX_HEADERS} headers`);
  let bytes = 0;
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? "";
    const value = headers[index + 1] ?? "";
    if (!isFieldName(name)) return broken(`Agent sent a header named ${quote(name)}`);
    if (!isFieldValue(value)) {
      return broken(`Agent sent a value of header ${quote(name)} with forbidden characters`);
    }
    bytes += name.length + value.length;
  }
  if (bytes > MAX_HEADER_BYTES) return broken(`Agent sent ${bytes} bytes of headers`);
  return undefined;
}

/**
 * How long the body of this response has to be, in bytes; `undefined` when it ends by itself.
 * @throws {ProxyError} `agent_protocol_error` when lengths are malformed or differ.
 * Source: RFC 9112 §6.3.
 */
export function announcedBodyBytes(method: string, head: HttpHead): number | undefined {
  if (method === "HEAD" || BODYLESS_STATUSES.has(head.status)) return 0;
  let announced: string | undefined;
  for (let index = 0; index < head.headers.length; index += 2) {
    const name = (head.headers[index] ?? "").toLowerCase();
    if (name === "transfer-encoding") return undefined;
    if (name !== "content-length") continue;
    for (const part of (head.headers[index + 1] ?? "").split(",")) {
      const length = part.trim();
      if (!LENGTH.test(length)) throw broken("Agent sent a malformed Content-Length");
      announced ??= length;
      if (announced !== length) throw broken("Agent sent two different Content-Lengths");
    }
  }
  return announced === undefined ? undefined : Number(announced);
}

/** Final statuses only: an interim one would be taken for the response. */
function isFinalStatus(status: number): boolean {
  return Number.isInteger(status) && status >= 200 && status <= 999;
}

function broken(message: string): ProxyError {
  return new ProxyError("agent_protocol_error", message);
}

/** A value of an agent for an error message: escaped and cut. */
function quote(value: unknown): string {
  return JSON.stringify(value).slice(0, 64);
}
