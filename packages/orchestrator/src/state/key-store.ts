import type { Role } from "@porchlight/protocol/key-format";

/** A key as it is kept: never the key itself, only its hash. Times are Unix epoch milliseconds. */
export interface StoredKey {
  /** `key_` and 24 characters. */
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  /** SHA-256 of the key, 64 hexadecimal characters. */
  readonly hash: string;
  readonly createdAtMs: number;
  /** From then on the key is as good as unknown; without it, it never expires. */
  readonly expiresAtMs: number | undefined;
  readonly revokedAtMs: number | undefined;
}

/** What has changed since an earlier look at the store. */
export interface KeyChanges {
  /** To be given to the next `changesSince`. */
  readonly revision: number;
  /** Keys created or revoked since then, as they are now. */
  readonly keys: readonly StoredKey[];
}

/**
 * Where keys are kept, possibly shared with other processes. When the storage fails, methods reject or throw,
 * and what was done before stays as it is.
 */
export interface KeyStore {
  /** Adds a key; its id and hash must be new. */
  create(key: StoredKey): Promise<void>;
  /** Every key, revoked ones too, oldest first. */
  list(): Promise<readonly StoredKey[]>;
  /** Revokes for ever; `false` when no such key exists or it has been revoked before. */
  revoke(id: string, atMs: number): Promise<boolean>;
  /**
   * Everything that was changed, by any process, after `revision`; 0 for all there is. Asked at every unknown
   * key, so it has to be answered at once, within microseconds.
   */
  changesSince(revision: number): KeyChanges;
}
