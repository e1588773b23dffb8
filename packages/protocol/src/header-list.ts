/** Header lists: name, value, name, value, …, in order, case and repetition as they came. */

/** Headers of one connection, never sent on: what is said with them is said anew. Source: RFC 9110 §7.6.1. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "te",
  "transfer-encoding",
  "upgrade",
]);

/** Whether a header by its lower-case name is of one connection (faults P9): `Connection`, `Proxy-Authorization` and the like. */
export function isHopByHop(lowerCaseName: string): boolean {
  return HOP_BY_HOP.has(lowerCaseName) || lowerCaseName.startsWith("proxy-");
}

/** Whether a header by its lower-case name is one that only Porchlight writes: a target cannot speak as us. */
export function isOurs(lowerCaseName: string): boolean {
  return lowerCaseName.startsWith("porchlight-");
}

/**
 * The list with the values that `valueOf` gives for a lower-case name and the value that came; lines for which it
 * gives nothing are left out.
 */
export function mapHeaders(
  headers: readonly string[],
  valueOf: (lowerCaseName: string, value: string) => string | undefined,
): string[] {
  const mapped: string[] = [];
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index] ?? "";
    const value = valueOf(name.toLowerCase(), headers[index + 1] ?? "");
    if (value !== undefined) mapped.push(name, value);
  }
  return mapped;
}

/** The first value of a header by its lower-case name. */
export function headerValue(headers: readonly string[], lowerCaseName: string): string | undefined {
  for (let index = 0; index + 1 < headers.length; index += 2) {
    if (headers[index]?.toLowerCase() === lowerCaseName) return headers[index + 1];
  }
  return undefined;
}

/** What the `Connection` headers say, in lower case: names that they make hop-by-hop, and words like `close`. */
export function connectionOptions(headers: readonly string[]): ReadonlySet<string> {
  const options = new Set<string>();
  for (let index = 0; index + 1 < headers.length; index += 2) {
    if (headers[index]?.toLowerCase() !== "connection") continue;
    for (const option of (headers[index + 1] ?? "").split(",")) {
      options.add(option.trim().toLowerCase());
    }
  }
  return options;
}
