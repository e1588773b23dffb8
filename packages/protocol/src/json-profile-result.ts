/**
 * What a JSON agent answers to a job. The decoder never throws: an answer that makes no sense is the answer
 * `invalid`, since it fails its job and nothing else (faults G9).
 */
import { ProxyError } from "./errors.ts";
import { MAX_REASON_CHARS } from "./limits.ts";

/** A target's response, its form checked, its content not yet: that is `checkHttpHead`'s. */
export interface JsonResponse {
  readonly kind: "response";
  readonly status: number;
  /** Name, value, name, value, … */
  readonly headers: string[];
  /** Final URL, if the agent told it. */
  readonly url: string | undefined;
  readonly body: Uint8Array;
}

/** The agent says that the job failed. */
export interface JsonFailure {
  readonly kind: "failure";
  /** As the agent wrote it, which may be no code at all; `undefined` for a plain message. */
  readonly code: string | undefined;
  /** One line of at most `MAX_REASON_CHARS` characters, without queries of URLs. */
  readonly message: string;
}

/** A response, an error the agent names, or `invalid` with the error its job fails with. */
export type JsonResult =
  | JsonResponse
  | JsonFailure
  | { readonly kind: "invalid"; readonly error: ProxyError };

/** Reads what a `result` message says of its job. */
export function decodeJsonResult(message: Readonly<Record<string, unknown>>): JsonResult {
  const { statusCode, url } = message;
  const error = message["error"] ?? undefined;
  if (error !== undefined) return decodeFailure(error);
  if (typeof statusCode !== "number") return invalid("Agent sent a status that is no number");
  const headers = decodeHeaders(message["headers"] ?? {});
  if (headers === undefined) return invalid("Agent sent headers that are no map of text");
  const body = decodeBody(message["body"] ?? "");
  if (body === undefined) return invalid("Agent sent a body that is not Base64");
  return {
    kind: "response",
    status: statusCode,
    headers: withoutDecodedEncoding(headers, body),
    url: typeof url === "string" ? url : undefined,
    body,
  };
}

function decodeFailure(error: unknown): JsonResult {
  if (typeof error === "string") {
    return { kind: "failure", code: undefined, message: printable(error) };
  }
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  if (typeof code !== "string") return invalid("Agent sent an error without a code");
  return { kind: "failure", code, message: typeof message === "string" ? printable(message) : "" };
}

function decodeHeaders(map: unknown): string[] | undefined {
  if (typeof map !== "object" || map === null || Array.isArray(map)) return undefined;
  const headers: string[] = [];
  for (const [name, value] of Object.entries(map as Record<string, unknown>)) {
    for (const one of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (typeof one !== "string") return undefined;
      headers.push(name, one);
    }
  }
  return headers;
}

/** Strict Base64, which `Buffer` is not: it skips what it does not know. Source: RFC 4648 §4. */
function decodeBody(text: unknown): Uint8Array | undefined {
  if (typeof text !== "string" || text.length % 4 !== 0) return undefined;
  if (text.includes("-") || text.includes("_")) return undefined;
  const padding = text.endsWith("==") ? 2 : Number(text.endsWith("="));
  const body = Buffer.from(text, "base64");
  if (body.length !== (text.length / 4) * 3 - padding) return undefined;
  // Bits behind the last byte have to be zero: each body is written in one way only.
  const tail = body.subarray(body.length - (body.length % 3));
  return padding === 0 || text.endsWith(tail.toString("base64")) ? body : undefined;
}

/**
 * Most HTTP clients decode gzip and leave the headers as they came. Then the encoding and the length of what is
 * no longer there are taken away, so that a thirty-line agent needs not know.
 */
function withoutDecodedEncoding(headers: string[], body: Uint8Array): string[] {
  const encoding = fieldValue(headers, "content-encoding");
  if (encoding === undefined || body.length === 0) return headers;
  const decoded = /gzip/i.test(encoding)
    ? body[0] !== 0x1f || body[1] !== 0x8b
    : fieldValue(headers, "content-length") !== String(body.length);
  if (!decoded) return headers;
  const kept: string[] = [];
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? "";
    if (!/^content-(?:encoding|length)$/i.test(name)) kept.push(name, headers[index + 1] ?? "");
  }
  return kept;
}

function fieldValue(headers: readonly string[], name: string): string | undefined {
  const index = headers.findIndex((item, at) => at % 2 === 0 && item.toLowerCase() === name);
  return index === -1 ? undefined : headers[index + 1];
}

/** An agent's words, fit for a client and a log: HTTP clients put URLs into their messages (faults F27). */
function printable(text: string): string {
  return text
    .slice(0, MAX_REASON_CHARS * 4)
    .replaceAll(/(\w:\/\/[^\s?#]*)[?#]\S*/g, "$1")
    .replaceAll(/[\p{C}\s]+/gu, " ")
    .trim()
    .slice(0, MAX_REASON_CHARS);
}

function invalid(message: string): JsonResult {
  return { kind: "invalid", error: new ProxyError("agent_protocol_error", message) };
}
