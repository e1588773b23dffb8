import { ProxyError } from "@porchlight/protocol/errors";

const SECOND_MS = 1_000;
const UNIT_MS: Readonly<Record<string, number>> = {
  s: SECOND_MS,
  m: 60 * SECOND_MS,
  h: 3_600 * SECOND_MS,
  d: 86_400 * SECOND_MS,
};

/**
 * Reads `90s`, `30m`, `12h` or `30d` as milliseconds.
 * @throws {ProxyError} `invalid_request` when it is anything else, or nothing at all (`0d`)
 */
export function parseDuration(text: string): number {
  const match = /^(\d{1,6})([smhd])$/.exec(text);
  const durationMs = Number(match?.[1]) * (UNIT_MS[match?.[2] ?? ""] ?? Number.NaN);
  if (!(durationMs > 0))
    throw new ProxyError("invalid_request", "Expected a time such as 12h or 30d");
  return durationMs;
}
