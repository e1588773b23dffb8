import { ProxyError } from "@porchlight/protocol/errors";
import { checkKeyFormat, roleOfKey, type Role } from "@porchlight/protocol/key-format";
import type { StaticKey } from "./authenticator.ts";
import { isKeyName } from "./keys.ts";

/** Shortest static secret: anything shorter can be guessed. Characters. */
export const MIN_STATIC_SECRET_CHARS = 16;

/**
 * Reads `name:secret,name:secret` (`ORCH_AGENT_KEYS` and its siblings).
 * @throws {ProxyError} `invalid_request` saying what is wrong with which name; never with the secret in it
 */
export function parseStaticKeys(role: Role, text: string): readonly StaticKey[] {
  const entries = text.split(",").map((entry) => entry.trim());
  const keys = entries.filter((entry) => entry !== "").map((entry) => parseEntry(role, entry));
  const names = new Set(keys.map((key) => key.principal.name));
  if (names.size < keys.length) throw fault("Two static keys of one role have the same name");
  return keys;
}

/** Whether any two static keys, of whatever role, have the same secret. */
export function hasRepeatedSecret(keys: readonly StaticKey[]): boolean {
  return new Set(keys.map((key) => key.secret)).size < keys.length;
}

function parseEntry(role: Role, entry: string): StaticKey {
  const colon = entry.indexOf(":");
  if (colon === -1) throw fault("A static key is written name:secret");
  const name = entry.slice(0, colon);
  const secret = entry.slice(colon + 1);
  if (!isKeyName(name)) throw fault("A static key's name is 1 to 64 printable characters");
  const flaw = flawOfSecret(role, secret);
  if (flaw !== undefined) throw fault(`The secret of ${name} ${flaw}`);
  const keyId = `static:${role}:${name}`;
  return { principal: { keyId, account: keyId, name, role }, secret };
}

function flawOfSecret(role: Role, secret: string): string | undefined {
  if (secret.length < MIN_STATIC_SECRET_CHARS) {
    return `is shorter than ${MIN_STATIC_SECRET_CHARS} characters`;
  }
  // What cannot stand in an Authorization header could never be presented.
  if (!/^[\x21-\x7e]+$/.test(secret)) return "has characters other than printable ASCII";
  if (checkKeyFormat(secret) === "foreign") return undefined;
  if (checkKeyFormat(secret) === "damaged") return "looks like a Porchlight key with a slip in it";
  return roleOfKey(secret) === role ? undefined : `is a key for another role than ${role}`;
}

function fault(message: string): ProxyError {
  return new ProxyError("invalid_request", message);
}
