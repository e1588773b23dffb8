import { ProxyError } from "@porchlight/protocol/errors";
import type { JobRequest, Method } from "@porchlight/protocol/job";
import { parseDuration } from "./duration.ts";

/** What `porchlight request` was asked by its flags. */
export interface RequestOptions {
  readonly request?: string;
  readonly header: readonly string[];
  readonly data?: string;
  readonly include?: boolean;
  readonly follow: boolean;
  readonly agent?: string;
  readonly country?: string;
  readonly region?: string;
  readonly city?: string;
  readonly asn?: string;
  readonly label: readonly string[];
  readonly timeout?: string;
}

/** What curl says of a body when nothing else is said. */
const FORM = "application/x-www-form-urlencoded";

/**
 * The job that URL, flags and body ask for; what is not given is left to the orchestrator's defaults.
 * @throws {ProxyError} `invalid_request` when a header, a label, a network or the time is not written as it should be
 */
export function jobRequestOf(url: string, options: RequestOptions, body?: Buffer): JobRequest {
  const { timeout, agent, country, region, city, asn, label } = options;
  return {
    url,
    method: (options.request ?? (body === undefined ? "GET" : "POST")) as Method,
    headers: headersOf(options.header, body !== undefined),
    followRedirects: options.follow,
    format: "raw",
    ...(body !== undefined && { bodyBase64: body.toString("base64") }),
    ...(agent !== undefined && { agent }),
    ...(country !== undefined && { country }),
    ...(region !== undefined && { region }),
    ...(city !== undefined && { city }),
    ...(asn !== undefined && { asn: asNumber(asn) }),
    ...(label.length > 0 && { labels: labelsOf(label) }),
    ...(timeout !== undefined && { timeoutMs: parseDuration(timeout) }),
  };
}

/** Header lines by their lower-case name. */
function headersOf(lines: readonly string[], hasBody: boolean): Record<string, string[]> {
  const headers = new Map<string, string[]>();
  for (const line of lines) {
    const [name, value] = split(line, ":", "A header is written Name: value");
    const values = headers.get(name.toLowerCase());
    if (values === undefined) headers.set(name.toLowerCase(), [value]);
    else values.push(value);
  }
  if (hasBody && !headers.has("content-type")) headers.set("content-type", [FORM]);
  return Object.fromEntries(headers);
}

function labelsOf(labels: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    labels.map((label) => split(label, "=", "A label is written key=value")),
  );
}

/** `64496`, or `AS64496`. */
function asNumber(text: string): number {
  const digits = /^(?:AS)?(\d{1,10})$/i.exec(text)?.[1];
  if (digits !== undefined) return Number(digits);
  throw new ProxyError("invalid_request", "A network is written as its number, such as AS64496");
}

function split(line: string, separator: string, rule: string): [string, string] {
  const at = line.indexOf(separator);
  if (at < 1) throw new ProxyError("invalid_request", rule);
  return [line.slice(0, at).trim(), line.slice(at + 1).trim()];
}
