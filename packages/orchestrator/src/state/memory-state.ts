import type { KeyChanges, KeyStore, StoredKey } from "./key-store.ts";
import type { PauseStore } from "./pause-store.ts";
import type { State } from "./state.ts";

/** A state that ends with the process: for trials with throw-away keys, and for tests. */
export function memoryState(): State {
  return { keys: new MemoryKeyStore(), pauses: new MemoryPauseStore(), close() {} };
}

interface KeyRow {
  readonly key: StoredKey;
  readonly revision: number;
}

class MemoryKeyStore implements KeyStore {
  readonly #rows = new Map<string, KeyRow>();
  #revision = 0;

  async create(key: StoredKey): Promise<void> {
    const taken = this.#rows.values().some((row) => row.key.hash === key.hash);
    if (taken || this.#rows.has(key.id)) throw new Error(`Key ${key.id} exists already`);
    this.#put(key);
  }

  async list(): Promise<readonly StoredKey[]> {
    return this.#rows
      .values()
      .map((row) => row.key)
      .toArray()
      .toSorted((a, b) => a.createdAtMs - b.createdAtMs);
  }

  async revoke(id: string, atMs: number): Promise<boolean> {
    const row = this.#rows.get(id);
    if (row === undefined || row.key.revokedAtMs !== undefined) return false;
    this.#put({ ...row.key, revokedAtMs: atMs });
    return true;
  }

  changesSince(revision: number): KeyChanges {
    const changed = this.#rows.values().filter((row) => row.revision > revision);
    return { revision: this.#revision, keys: changed.map((row) => row.key).toArray() };
  }

  #put(key: StoredKey): void {
    this.#rows.set(key.id, { key, revision: ++this.#revision });
  }
}

class MemoryPauseStore implements PauseStore {
  readonly #paused = new Set<string>();

  isPaused(agentId: string): boolean {
    return this.#paused.has(agentId);
  }

  setPaused(agentId: string, paused: boolean): void {
    if (paused) this.#paused.add(agentId);
    else this.#paused.delete(agentId);
  }
}
