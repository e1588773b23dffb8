import { createHash } from "node:crypto";

/** Crockford's Base32 in lower case, as in all ids. */
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const ID_CHARS = 20;

/**
 * The durable id of the agent that uses `name` with the key `keyId`: `agent_` and 20 characters, the first
 * 100 bits of SHA-256(keyId, NUL, name). The same on every node and after every restart, without storage.
 */
export function agentId(keyId: string, name: string): string {
  const digest = createHash("sha256").update(`${keyId}\0${name}`).digest();
  let id = "agent_";
  for (let bit = 0; bit < ID_CHARS * 5; bit += 5) {
    const pair = digest.readUInt16BE(bit >> 3);
    id += ALPHABET.charAt((pair >> (11 - (bit & 7))) & 31);
  }
  return id;
}
