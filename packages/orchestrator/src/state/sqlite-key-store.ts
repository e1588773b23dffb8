import type { Role } from "@porchlight/protocol/key-format";
import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite";
import type { KeyChanges, KeyStore, StoredKey } from "./key-store.ts";

const COLUMNS = "id, name, role, hash, created_at_ms, expires_at_ms, revoked_at_ms, revision";
const NEXT_REVISION = "(SELECT coalesce(max(revision), 0) + 1 FROM keys)";

/**
 * Keys in the embedded database. Each change writes the next revision beside the key in one statement, which
 * is how other processes find what is new: one look-up in an index.
 */
export class SqliteKeyStore implements KeyStore {
  readonly #insert: StatementSync;
  readonly #all: StatementSync;
  readonly #revoke: StatementSync;
  readonly #since: StatementSync;

  constructor(database: DatabaseSync) {
    this.#insert = database.prepare(
      `INSERT INTO keys (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ${NEXT_REVISION})`,
    );
    this.#all = database.prepare(`SELECT ${COLUMNS} FROM keys ORDER BY created_at_ms, rowid`);
    this.#revoke = database.prepare(
      `UPDATE keys SET revoked_at_ms = ?, revision = ${NEXT_REVISION}
       WHERE id = ? AND revoked_at_ms IS NULL`,
    );
    this.#since = database.prepare(
      `SELECT ${COLUMNS} FROM keys WHERE revision > ? ORDER BY revision`,
    );
  }

  async create(key: StoredKey): Promise<void> {
    const { id, name, role, hash, createdAtMs, expiresAtMs, revokedAtMs } = key;
    const times = [createdAtMs, expiresAtMs ?? null, revokedAtMs ?? null];
    this.#insert.run(id, name, role, hash, ...times);
  }

  async list(): Promise<readonly StoredKey[]> {
    return this.#all.all().map(storedKey);
  }

  async revoke(id: string, atMs: number): Promise<boolean> {
    return this.#revoke.run(atMs, id).changes === 1;
  }

  changesSince(revision: number): KeyChanges {
    const rows = this.#since.all(revision);
    return { revision: Number(rows.at(-1)?.["revision"] ?? revision), keys: rows.map(storedKey) };
  }
}

function storedKey(row: Record<string, SQLOutputValue>): StoredKey {
  return {
    id: String(row["id"]),
    name: String(row["name"]),
    role: row["role"] as Role,
    hash: String(row["hash"]),
    createdAtMs: Number(row["created_at_ms"]),
    expiresAtMs: time(row["expires_at_ms"]),
    revokedAtMs: time(row["revoked_at_ms"]),
  };
}

function time(value: SQLOutputValue | undefined): number | undefined {
  return value === null || value === undefined ? undefined : Number(value);
}
