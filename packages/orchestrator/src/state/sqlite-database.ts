import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { ProxyError } from "@porchlight/protocol/errors";

/** The database's file in the data directory. */
export const DATABASE_FILE = "porchlight.db";

/** How long a write waits for another process's write. Milliseconds. */
const BUSY_TIMEOUT_MS = 2_000;

/** What brings a database from version `index` to `index + 1`. Entries are only ever added. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE keys (
     id TEXT PRIMARY KEY,
     name TEXT NOT NULL,
     role TEXT NOT NULL CHECK (role IN ('agent', 'client', 'admin')),
     hash TEXT NOT NULL UNIQUE,
     created_at_ms INTEGER NOT NULL,
     expires_at_ms INTEGER,
     revoked_at_ms INTEGER,
     revision INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX keys_by_revision ON keys (revision);
   CREATE TABLE paused_agents (agent_id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;`,
];

/**
 * Opens the embedded database, making directory and file when missing, readable by their owner alone, and
 * brings its schema up to date.
 * @throws {ProxyError} `internal` when the directory or the file cannot be used, or a newer version has written it
 */
export function openDatabase(dataDir: string): DatabaseSync {
  const path = join(dataDir, DATABASE_FILE);
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    // SQLite gives its side files (-wal, -shm) the mode of the main one, so that has to be right from its birth.
    closeSync(openSync(path, "a", 0o600));
    return preparedDatabase(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ProxyError("internal", `Could not open the store ${path}: ${reason}`, { cause });
  }
}

function preparedDatabase(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
    migrate(database);
    return database;
  } catch (err) {
    database.close();
    throw err;
  }
}

function migrate(database: DatabaseSync): void {
  if (versionOf(database) === MIGRATIONS.length) return;
  database.exec("BEGIN IMMEDIATE");
  try {
    // Read again under the lock: another process may have been faster.
    const version = versionOf(database);
    if (version > MIGRATIONS.length) {
      throw new Error(`The store has schema ${version}, this version knows ${MIGRATIONS.length}`);
    }
    for (const step of MIGRATIONS.slice(version)) database.exec(step);
    database.exec(`PRAGMA user_version = ${MIGRATIONS.length}`);
    database.exec("COMMIT");
  } catch (err) {
    database.exec("ROLLBACK");
    throw err;
  }
}

function versionOf(database: DatabaseSync): number {
  return Number(database.prepare("PRAGMA user_version").get()?.["user_version"] ?? 0);
}
