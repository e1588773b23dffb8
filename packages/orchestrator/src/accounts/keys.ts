/** What is done to stored keys, by the command line and by the admin's API alike. */
import { hash, randomBytes } from "node:crypto";
import { ProxyError } from "@porchlight/protocol/errors";
import { formatKey, KEY_SECRET_BYTES, type Role } from "@porchlight/protocol/key-format";
import { MAX_NAME_CHARS } from "@porchlight/protocol/limits";
import { createId } from "@porchlight/runtime/ids";
import type { KeyStore, StoredKey } from "../state/key-store.ts";

/** What a key is to be; `nowMs` and `expiresAtMs` are Unix epoch milliseconds. */
export interface NewKey {
  readonly name: string;
  readonly role: Role;
  readonly nowMs: number;
  /** For ever when left out. */
  readonly expiresAtMs?: number | undefined;
}

/** A key just made, and what the store keeps of it. */
export interface CreatedKey {
  /** The key itself: to be shown once and kept nowhere. */
  readonly secret: string;
  readonly key: StoredKey;
}

/**
 * Makes a key and keeps its hash.
 * @throws {ProxyError} `invalid_request` when the name is not 1..64 printable characters
 */
export async function createKey(store: KeyStore, order: NewKey): Promise<CreatedKey> {
  if (!isKeyName(order.name)) {
    throw new ProxyError(
      "invalid_request",
      `A key's name is 1 to ${MAX_NAME_CHARS} printable characters`,
    );
  }
  const secret = formatKey(order.role, randomBytes(KEY_SECRET_BYTES));
  const key: StoredKey = {
    id: createId("key"),
    name: order.name,
    role: order.role,
    hash: hashOfKey(secret),
    createdAtMs: order.nowMs,
    expiresAtMs: order.expiresAtMs,
    revokedAtMs: undefined,
  };
  await store.create(key);
  return { secret, key };
}

/**
 * Revokes the one key with this id, or with this name when no other valid key has it.
 * @throws {ProxyError} `not_found` when there is none or it has been revoked before, `invalid_request` when
 * several have that name
 */
export async function revokeKey(
  store: KeyStore,
  idOrName: string,
  nowMs: number,
): Promise<StoredKey> {
  const valid = (await store.list()).filter((key) => key.revokedAtMs === undefined);
  const byId = valid.find((key) => key.id === idOrName);
  const matches = byId === undefined ? valid.filter((key) => key.name === idOrName) : [byId];
  const [key, other] = matches;
  if (key === undefined)
    throw new ProxyError("not_found", `No valid key has the id or name ${idOrName}`);
  if (other !== undefined) {
    const ids = matches.map((match) => match.id).join(", ");
    throw new ProxyError(
      "invalid_request",
      `Several keys are named ${idOrName}: give one of ${ids}`,
    );
  }
  await store.revoke(key.id, nowMs);
  return { ...key, revokedAtMs: nowMs };
}

/** SHA-256 of a key as 64 hexadecimal characters; keys have 200 random bits, so no slow hash is needed. */
export function hashOfKey(secret: string): string {
  return hash("sha256", secret);
}

/** Whether a name can be shown in tables and logs as it is: 1..64 characters, none of them a control character. */
export function isKeyName(name: string): boolean {
  return name.length <= MAX_NAME_CHARS && /^[^\p{C}\p{Z}](?:[^\p{C}]*[^\p{C}\p{Z}])?$/u.test(name);
}
