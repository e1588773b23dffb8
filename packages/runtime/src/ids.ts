import { randomFillSync } from "node:crypto";

/** Kinds of identifiers; the prefix tells a reader of a log what it names. */
export type IdKind = "job" | "req" | "link" | "key";

/** Crockford's Base32 in lower case: no letter that is taken for a digit. */
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const RANDOM_CHARS = 24;

/** Random bytes are drawn in bulk: one system call serves many ids. */
const pool = Buffer.allocUnsafeSlow(RANDOM_CHARS * 256);
let poolOffset = pool.length;

/** A new identifier: the kind, `_`, and 24 characters holding 120 random bits. */
export function createId(kind: IdKind): string {
  if (poolOffset === pool.length) {
    randomFillSync(pool);
    poolOffset = 0;
  }
  let id = `${kind}_`;
  for (const end = poolOffset + RANDOM_CHARS; poolOffset < end; poolOffset++) {
    id += ALPHABET.charAt((pool[poolOffset] ?? 0) & 31);
  }
  return id;
}
