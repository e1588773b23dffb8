/** Which agents an admin has paused; outlives the process. Reads are answered from memory. */
export interface PauseStore {
  isPaused(agentId: string): boolean;
  /** Remembers it; setting what is set already does nothing. */
  setPaused(agentId: string, paused: boolean): void;
}
