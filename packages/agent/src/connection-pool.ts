import type { TargetPolicy } from "@porchlight/runtime/target-policy";
import { TargetConnection, connectionKey } from "./target-connection.ts";

/** Idle connections kept at most; the one idle for longest goes first. */
const MAX_IDLE = 64;

/** Kept-alive connections, by account and origin (faults F13). */
export class ConnectionPool {
  readonly #policy: () => TargetPolicy;
  readonly #idleByKey = new Map<string, TargetConnection[]>();
  /** The same, longest idle first. */
  readonly #idle = new Set<TargetConnection>();

  constructor(policy: () => TargetPolicy) {
    this.#policy = policy;
  }

  /** Connections kept and not in use. */
  get idleCount(): number {
    return this.#idle.size;
  }

  /** A connection to the URL's origin for one request at a time: the last one used, or a new one. */
  acquire(account: string, url: URL): TargetConnection {
    const key = connectionKey(account, url);
    const list = this.#idleByKey.get(key);
    const connection = list?.pop();
    if (connection === undefined) return this.create(account, url);
    if (list?.length === 0) this.#idleByKey.delete(key);
    this.#idle.delete(connection);
    return connection;
  }

  /** A new connection. */
  create(account: string, url: URL): TargetConnection {
    return new TargetConnection({
      url,
      account,
      policy: this.#policy,
      onDisconnect: (connection) => {
        if (this.#idle.has(connection)) this.dispose(connection);
      },
    });
  }

  /** Gives a connection back after a complete response. */
  release(connection: TargetConnection): void {
    if (!connection.isOpen) {
      this.dispose(connection);
      return;
    }
    const list = this.#idleByKey.get(connection.key);
    if (list === undefined) this.#idleByKey.set(connection.key, [connection]);
    else list.push(connection);
    this.#idle.add(connection);
    const [oldest] = this.#idle;
    if (this.#idle.size > MAX_IDLE && oldest !== undefined) this.dispose(oldest);
  }

  /** Ends a connection, in use or not. */
  dispose(connection: TargetConnection): void {
    this.#forget(connection);
    connection.destroy();
  }

  /** Ends all idle connections: at the end, and when the process has no more descriptors (faults F18). */
  closeIdle(): void {
    for (const connection of this.#idle) this.dispose(connection);
  }

  #forget(connection: TargetConnection): void {
    if (!this.#idle.delete(connection)) return;
    const list = this.#idleByKey.get(connection.key) ?? [];
    const rest = list.filter((other) => other !== connection);
    if (rest.length === 0) this.#idleByKey.delete(connection.key);
    else this.#idleByKey.set(connection.key, rest);
  }
}
