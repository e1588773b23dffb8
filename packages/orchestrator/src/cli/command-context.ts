import type { Readable, Writable } from "node:stream";
import type { State } from "../state/state.ts";

/** What a command of the program sees of the process it runs in. */
export interface CommandContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Unix epoch milliseconds. */
  readonly now: () => number;
  /** Opens the embedded store of a data directory. */
  readonly openState: (dataDir: string) => Promise<State>;
}

/** A variable of the environment; one set to nothing counts as not set. */
export function variable(env: CommandContext["env"], name: string): string | undefined {
  const value = env[name];
  return value === "" ? undefined : value;
}
