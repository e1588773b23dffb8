/**
 * Whether a text of an agent is what a client asks for: the same letters, but that the client's `_` also stands for
 * a space, which proxy usernames do not have. What is compared may be missing, or of `Object.prototype` (faults A5).
 */
export function matchesText(actual: unknown, wanted: string): boolean {
  if (actual === wanted) return true;
  if (typeof actual !== "string" || actual.length !== wanted.length) return false;
  if (!wanted.includes("_")) return false;
  for (let index = 0; index < wanted.length; index++) {
    const isSame = actual[index] === wanted[index];
    if (!isSame && (wanted[index] !== "_" || actual[index] !== " ")) return false;
  }
  return true;
}
