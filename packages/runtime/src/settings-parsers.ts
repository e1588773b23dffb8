/**
 * Parsers shared by settings tables. Each throws {ProxyError} `invalid_request` with what it expects;
 * the text itself stays out of the message, since it may be a secret.
 */
import { ProxyError } from "@porchlight/protocol/errors";
import { MAX_LABELS, MAX_NAME_CHARS } from "@porchlight/protocol/limits";
import type { Labels } from "@porchlight/protocol/message";
import { canonicalHost } from "./target-policy-address.ts";

/** Where to listen: a host in its one spelling (`canonicalHost`), and a port (0 for any free one). */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Hours of the day in local time; `fromMinute` > `toMinute` runs over midnight. Minutes since midnight, 0..1439. */
export interface Hours {
  readonly fromMinute: number;
  readonly toMinute: number;
}

/** The error a parser throws; `expectation` completes "Expected …". */
export function expected(expectation: string): ProxyError {
  return new ProxyError("invalid_request", `Expected ${expectation}`);
}

/** A text as it is, at most `maxChars` long. */
export function textSetting(maxChars: number): (text: string) => string {
  return (text) => {
    if (text.length > maxChars) throw expected(`at most ${maxChars} characters`);
    return text;
  };
}

/** A whole number within bounds, in plain decimal digits. */
export function integerSetting(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^-?\d{1,16}$/.test(text) || value < min || value > max) {
      throw expected(`a whole number from ${min} to ${max}`);
    }
    return value;
  };
}

/** A number ≥ 0 in plain decimals, such as `2.5`. */
export function parseNonNegative(text: string): number {
  if (!/^\d{1,15}(\.\d{1,9})?$/.test(text)) throw expected("a number of at least 0, such as 2.5");
  return Number(text);
}

/** A number within bounds, of which the lower is at least 0, in plain decimals. */
export function numberSetting(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = parseNonNegative(text);
    if (value < min || value > max) throw expected(`a number from ${min} to ${max}`);
    return value;
  };
}

/** `true`, `false`, `1` or `0`. */
export function parseBoolean(text: string): boolean {
  if (text === "true" || text === "1") return true;
  if (text === "false" || text === "0") return false;
  throw expected("true, false, 1 or 0");
}

/** One of the given words. */
export function enumSetting<const Word extends string>(
  words: readonly Word[],
): (text: string) => Word {
  return (text) => {
    const found = words.find((word) => word === text);
    if (found === undefined) throw expected(`one of ${words.join(", ")}`);
    return found;
  };
}

/** The non-empty items of a comma-separated list, trimmed. */
export function parseList(text: string): readonly string[] {
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

/** `host:port`; an IPv6 address in brackets. */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(\[[^\]]*\]|[^:]*):(\d{1,5})$/.exec(text);
  const host = canonicalHost(match?.[1] ?? "");
  const port = Number(match?.[2]);
  if (host === undefined || !(port <= 65_535)) {
    throw expected("host:port, such as 127.0.0.1:8080 or [::1]:8080");
  }
  return { host, port };
}

/** `host:port`, or the word `off`. */
export function parseOptionalListenAddress(text: string): ListenAddress | "off" {
  return text === "off" ? "off" : parseListenAddress(text);
}

/** `key=value,…`: at most 32 labels, keys and values of 1..64 characters without commas, each key once. */
export function parseLabels(text: string): Labels {
  const labels = new Map<string, string>();
  for (const item of parseList(text)) {
    const at = item.indexOf("=");
    const key = item.slice(0, Math.max(at, 0)).trim();
    const value = item.slice(at + 1).trim();
    if (!isName(key) || !isName(value) || labels.has(key)) {
      throw expected("key=value,key=value with each key once and 1 to 64 characters each");
    }
    labels.set(key, value);
  }
  if (labels.size > MAX_LABELS) throw expected(`at most ${MAX_LABELS} labels`);
  return Object.fromEntries(labels);
}

function isName(text: string): boolean {
  return text.length > 0 && text.length <= MAX_NAME_CHARS;
}

/** `22:00-07:00`, local time; the two may not be equal. */
export function parseHours(text: string): Hours {
  const match = /^(\d\d):(\d\d)-(\d\d):(\d\d)$/.exec(text);
  const [fromHour = 24, fromMin = 60, toHour = 24, toMin = 60] = (match ?? []).slice(1).map(Number);
  const fromMinute = fromHour * 60 + fromMin;
  const toMinute = toHour * 60 + toMin;
  if (fromHour > 23 || toHour > 23 || fromMin > 59 || toMin > 59 || fromMinute === toMinute) {
    throw expected("hours such as 22:00-07:00");
  }
  return { fromMinute, toMinute };
}
