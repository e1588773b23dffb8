/** What a node needs before it may start: keys that are known, files that can be used. */
import { secrets, type Logger } from "@porchlight/runtime/logger";
import { Authenticator } from "./accounts/authenticator.ts";
import type { OrchestratorConfig } from "./config.ts";
import { StartError } from "./start-error.ts";
import type { KeyStore } from "./state/key-store.ts";
import { TlsFiles } from "./tls-files.ts";

/** Recognises the configured and the stored keys; from here on no log shows the configured ones. */
export function openAuthenticator(
  config: OrchestratorConfig,
  keys: KeyStore,
  logger: Logger,
): Authenticator {
  const { agentKeys = [], clientKeys = [], adminKeys = [] } = config;
  const staticKeys = [...agentKeys, ...clientKeys, ...adminKeys];
  for (const { secret } of staticKeys) secrets.register(secret);
  return new Authenticator({ staticKeys, store: keys, logger });
}

/**
 * Checks that an agent and a client could come in.
 * @throws {StartError} with exit code 2 when one could not
 */
export function requireKeys(authenticator: Authenticator): void {
  const missing = (["agent", "client"] as const).filter((role) => !authenticator.knows(role));
  if (missing.length === 0) return;
  const lines = missing.map(
    (role) =>
      `  - No ${role} key: give ORCH_${role.toUpperCase()}_KEYS, or make one with ` +
      `porchlight keys create --role ${role} --name NAME`,
  );
  throw new StartError(
    2,
    `Nobody could use this orchestrator, nothing was started:\n${lines.join("\n")}`,
  );
}

/** Files that settings name. Those that cannot be used are told of together, as other wrong settings are. */
export class ConfiguredFiles {
  readonly #faults: string[] = [];
  readonly #causes: unknown[] = [];

  /** What `open` makes of a file, or `undefined` when it throws; `what` completes "Could not use …". */
  open<T>(what: string, open: () => T): T | undefined {
    try {
      return open();
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      this.#faults.push(`Could not use ${what}: ${reason}`);
      this.#causes.push(cause);
      return undefined;
    }
  }

  /**
   * Checks that all files so far could be opened.
   * @throws {StartError} with exit code 2 and a line for each that could not
   */
  require(): void {
    if (this.#faults.length === 0) return;
    const cause = new AggregateError(this.#causes);
    throw new StartError(2, this.#faults.join("\n"), { cause });
  }
}

/** The certificate's files, or `undefined` when none is configured or `files` has noted a fault of them. */
export function loadTls(
  { tlsCert, tlsKey }: OrchestratorConfig,
  files: ConfiguredFiles,
  logger: Logger,
): TlsFiles | undefined {
  if (tlsCert === undefined || tlsKey === undefined) return undefined;
  const paths = { cert: tlsCert, key: tlsKey };
  const what = `the certificate ${tlsCert} with the key ${tlsKey}`;
  return files.open(what, () => new TlsFiles(paths, logger));
}
