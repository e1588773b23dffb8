import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { PauseStore } from "./pause-store.ts";

/** Paused agents in the embedded database; read once, since only the orchestrator itself changes them. */
export class SqlitePauseStore implements PauseStore {
  readonly #paused: Set<string>;
  readonly #insert: StatementSync;
  readonly #remove: StatementSync;

  constructor(database: DatabaseSync) {
    const rows = database.prepare("SELECT agent_id FROM paused_agents").all();
    this.#paused = new Set(rows.map((row) => String(row["agent_id"])));
    this.#insert = database.prepare("INSERT OR IGNORE INTO paused_agents VALUES (?)");
    this.#remove = database.prepare("DELETE FROM paused_agents WHERE agent_id = ?");
  }

  isPaused(agentId: string): boolean {
    return this.#paused.has(agentId);
  }

  setPaused(agentId: string, paused: boolean): void {
    if (paused === this.#paused.has(agentId)) return;
    if (paused) {
      this.#insert.run(agentId);
      this.#paused.add(agentId);
    } else {
      this.#remove.run(agentId);
      this.#paused.delete(agentId);
    }
  }
}
