/** Milliseconds for people: two decimals. */
export function roundMs(ms: number): number {
  return Math.round(ms * 100) / 100;
}
