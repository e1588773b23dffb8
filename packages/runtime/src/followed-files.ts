/**
 * A value made of files that somebody replaces while the program runs: a certificate and its key, a database.
 * The files are looked at in an interval rather than watched: that works for symbolic links (Kubernetes,
 * certbot) and network mounts alike. They are read when identity, size or time of one differs from when they
 * were read last; what is half-written differs again when it is whole.
 */
import { readFileSync, statSync, type BigIntStats } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import type { Logger } from "./logger.ts";

/** How often the files are looked at. Milliseconds. */
const POLL_MS = 2_000;

/** Which files, and what is made of them. */
export interface FollowedFilesOptions<T> {
  /** What they are, in the log: `TLS certificate`. */
  readonly what: string;
  readonly paths: readonly string[];
  /** Makes the value of the files' contents, in the order of `paths`; throws when that cannot be done. */
  readonly read: (contents: readonly Buffer[]) => T;
  readonly logger: Pick<Logger, "info" | "error">;
}

/** The newest good value of some files. Who follows gets each new one. */
export class FollowedFiles<T> {
  readonly #options: FollowedFilesOptions<T>;
  readonly #followers = new Set<(value: T) => void>();
  #value: T;
  /** The files as they were when their contents were read last. */
  #version: string;
  /** Why the files could not be used last time: told of once. */
  #complaint: string | undefined;
  #refreshing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @throws {Error} when a file cannot be read, or `read` throws */
  constructor(options: FollowedFilesOptions<T>) {
    const { paths, read } = options;
    this.#options = options;
    // Looked at before they are read: a change in between is seen as one next time.
    this.#version = versionOf(paths.map((path) => statSync(path, { bigint: true })));
    this.#value = read(paths.map((path) => readFileSync(path)));
  }

  get value(): T {
    return this.#value;
  }

  /** Calls `follower` with each new value from now on; the timer keeps no process alive. */
  follow(follower: (value: T) => void): void {
    this.#followers.add(follower);
    this.#timer ??= setInterval(() => void this.refresh(), POLL_MS).unref();
  }

  /** Takes over files that have changed. What cannot be used is logged once and the old value kept. Never rejects. */
  refresh(): Promise<void> {
    // Reading may take longer than the interval.
    this.#refreshing ??= this.#refresh().finally(() => (this.#refreshing = undefined));
    return this.#refreshing;
  }

  /** Stops following. Idempotent. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#followers.clear();
  }

  async #refresh(): Promise<void> {
    const { paths, what, logger } = this.#options;
    try {
      const stats = await Promise.all(paths.map((path) => stat(path, { bigint: true })));
      const version = versionOf(stats);
      if (version === this.#version) return;
      const contents = await Promise.all(paths.map((path) => readFile(path)));
      // What these contents are good for does not change until they do.
      this.#version = version;
      this.#use(contents);
      this.#complaint = undefined;
    } catch (err) {
      const complaint = String(err);
      if (complaint === this.#complaint) return;

      this.#complaint = complaint;
      logger.error({ err, files: paths }, `The new ${what} cannot be used; the old one stays`);
    }
  }

  #use(contents: readonly Buffer[]): void {
    const { paths, what, read, logger } = this.#options;
    const value = read(contents);
    this.#value = value;
    for (const follower of this.#followers) follower(value);
    logger.info({ files: paths }, `New ${what} in use`);
  }
}

function versionOf(stats: readonly BigIntStats[]): string {
  return stats.map(({ dev, ino, size, mtimeNs }) => [dev, ino, size, mtimeNs].join(":")).join(" ");
}
