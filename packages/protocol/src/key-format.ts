/**
 * How an API key looks: `porch_ROLE_SECRETCHECKSUM`. The prefix says what the key is for and lets secret
 * scanners find it; the secret is 200 random bits as 40 characters of Crockford's Base32 in lower case (no
 * letter that is taken for a digit); the checksum is the CRC-32 of everything before it as 7 more
 * characters, so that a key pasted in part or with a slip is told at once, without asking anybody.
 */

/** What a key is for: to be an agent, to send jobs, or to change the pool. */
export const ROLES = ["agent", "client", "admin"] as const;

/** What a key may do: open an agent link, run jobs, or change the pool. */
export type Role = (typeof ROLES)[number];

/** Whether a key can be one of ours: well-formed, one of ours with a slip in it, or not ours at all. */
export type KeyFormat = "ok" | "damaged" | "foreign";

/** Random bytes one key is made of: 200 bits, a whole number of Base32 characters. */
export const KEY_SECRET_BYTES = 25;

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const CHECKSUM_CHARS = 7;
const PREFIX = "porch_";
const KEY = /^porch_(agent|client|admin)_[0-9a-hjkmnp-tv-z]{47}$/;

/**
 * A new key from `random`.
 * @throws {RangeError} when `random` is not `KEY_SECRET_BYTES` long
 */
export function formatKey(role: Role, random: Uint8Array): string {
  if (random.length !== KEY_SECRET_BYTES) {
    throw new RangeError(`A key is made of ${KEY_SECRET_BYTES} bytes, not ${random.length}`);
  }
  const unchecked = `${PREFIX}${role}_${encodeBase32(random)}`;
  return unchecked + checksum(unchecked);
}

/** Judges a key by its looks alone; `"ok"` does not say that anybody knows it. */
export function checkKeyFormat(key: string): KeyFormat {
  if (!key.startsWith(PREFIX)) return "foreign";
  if (!KEY.test(key)) return "damaged";
  const unchecked = key.slice(0, -CHECKSUM_CHARS);
  return checksum(unchecked) === key.slice(-CHECKSUM_CHARS) ? "ok" : "damaged";
}

/** The role a key's prefix names, `undefined` for a key that is not one of ours. */
export function roleOfKey(key: string): Role | undefined {
  return ROLES.find((role) => key.startsWith(`${PREFIX}${role}_`));
}

function encodeBase32(bytes: Uint8Array): string {
  let text = "";
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text += ALPHABET.charAt((held >>> (bits - 5)) & 31);
    held &= 31;
  }
  return text;
}

function checksum(text: string): string {
  let rest = crc32(text);
  let encoded = "";
  for (let i = 0; i < CHECKSUM_CHARS; i++) {
    encoded = ALPHABET.charAt(rest & 31) + encoded;
    rest >>>= 5;
  }
  return encoded;
}

/** CRC-32 of ASCII text, bit by bit: keys are short and rare. Source: RFC 1952 section 8. */
function crc32(text: string): number {
  let crc = 0xffff_ffff;
  for (let i = 0; i < text.length; i++) {
    crc ^= text.charCodeAt(i);
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb8_8320 : 0);
  }
  return ~crc >>> 0;
}
