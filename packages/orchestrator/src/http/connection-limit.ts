/**
 * Keeps this process from running out of file descriptors (faults F18).
 *
 *   0 ─────────────── work ──── refuse ─── limit
 *     everything       503 for   closed     reserve: files, logs,
 *     is served        new work  at accept  the store, the runtime
 *
 * It recovers by itself as connections close.
 */
import { readFileSync } from "node:fs";
import type { Server } from "node:net";
import { ProxyError } from "@porchlight/protocol/errors";

/** What is assumed where the system does not tell: the usual hard limit of a login session on Linux and macOS. */
export const ASSUMED_DESCRIPTORS = 4096;

/** Descriptors kept for anything but connections; a running orchestrator has some 30 open. */
export const RESERVED_DESCRIPTORS = 64;

/** Part of the connections that may only be asked for health and the pool, so that it can be seen what is wrong. */
const REFUSING_SHARE = 1 / 8;

/** This process's soft limit of open files; Node raises it to the hard one as it starts. */
export function descriptorLimit(readLimits: () => string = readProcessLimits): number {
  try {
    const soft = /^Max open files\s+(\d+|unlimited)/m.exec(readLimits())?.[1];
    return soft === undefined || soft === "unlimited" ? ASSUMED_DESCRIPTORS : Number(soft);
  } catch {
    // No such file on Windows and macOS.
    return ASSUMED_DESCRIPTORS;
  }
}

/** Counts the connections of all servers it watches. */
export class ConnectionLimit {
  /** Connections that are accepted at most, by all servers together. */
  readonly maxConnections: number;
  /** Above it, new work is refused. */
  readonly workConnections: number;
  #open = 0;

  constructor(descriptors: number = descriptorLimit()) {
    this.maxConnections = Math.max(1, descriptors - RESERVED_DESCRIPTORS);
    this.workConnections = Math.max(1, Math.floor(this.maxConnections * (1 - REFUSING_SHARE)));
  }

  /** Connections open at this moment. */
  get open(): number {
    return this.#open;
  }

  /** Whether new work has to be refused. */
  get isExceeded(): boolean {
    return this.#open > this.workConnections;
  }

  /**
   * The refusal of new work.
   * @throws {ProxyError} `overloaded` while there are too many connections
   */
  check(): void {
    if (!this.isExceeded) return;
    throw new ProxyError("overloaded", "The orchestrator has no room for more connections");
  }

  /** Counts a server's connections, and closes at once those beyond the limit of all servers together. */
  watch(server: Server): void {
    server.maxConnections = this.maxConnections;
    server.on("connection", (socket) => {
      this.#open++;
      socket.once("close", () => this.#open--);
      if (this.#open > this.maxConnections) socket.destroy();
    });
  }
}

function readProcessLimits(): string {
  return readFileSync("/proc/self/limits", "latin1");
}
