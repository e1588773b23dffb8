import { openDatabase } from "./sqlite-database.ts";
import { SqliteKeyStore } from "./sqlite-key-store.ts";
import { SqlitePauseStore } from "./sqlite-pause-store.ts";
import type { State } from "./state.ts";

/**
 * The embedded store in `dataDir`, shared safely with the command line's own process.
 * @throws {ProxyError} `internal` when the directory or the file cannot be used, or a newer version has written it
 */
export function openSqliteState(dataDir: string): State {
  const database = openDatabase(dataDir);
  return {
    keys: new SqliteKeyStore(database),
    pauses: new SqlitePauseStore(database),
    close() {
      if (database.isOpen) database.close();
    },
  };
}
