import type { KeyStore } from "./key-store.ts";
import type { PauseStore } from "./pause-store.ts";

/** Everything that outlives the process, behind one handle. */
export interface State {
  readonly keys: KeyStore;
  readonly pauses: PauseStore;
  /** Lets go of files and connections. Idempotent. */
  close(): void;
}
