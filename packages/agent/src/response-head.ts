/** The first value of a header by its lower-case name, in a list of names and values. */
export function headerValue(headers: readonly string[], lowerCaseName: string): string | undefined {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (headers[i]?.toLowerCase() === lowerCaseName) return headers[i + 1];
  }
  return undefined;
}

/** The body length a response announces; 0 when it announces none. */
export function announcedBytes(headers: readonly string[]): number {
  const value = headerValue(headers, "content-length");
  return value !== undefined && /^\d+$/.test(value) ? Number(value) : 0;
}
