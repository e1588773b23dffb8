/** One database of addresses, an mmdb file that is read again when it changes. */
import { isIP } from "node:net";
import { FollowedFiles } from "@porchlight/runtime/followed-files";
import type { Logger } from "@porchlight/runtime/logger";
import { Reader, type Response } from "maxmind";
import { contentOf, type MmdbContent } from "./mmdb-content.ts";

/** Stands between tree and records. Source: MaxMind DB File Format Specification v2.0. */
const SEPARATOR = Buffer.alloc(16);

type MmdbReader = Reader<Response>;

/** Which file, and what it holds. */
export interface MmdbFileOptions {
  readonly path: string;
  /** What it is to be about. */
  readonly content: MmdbContent;
  readonly logger: Pick<Logger, "info" | "error">;
}

/** An mmdb file in memory. */
export class MmdbFile {
  readonly #files: FollowedFiles<MmdbReader>;
  readonly #options: MmdbFileOptions;
  /** What it is, in the log. */
  readonly #what: string;
  /** In which a record could not be read: told of once. */
  #damaged: MmdbReader | undefined;

  /** @throws {Error} when the file cannot be read, is no mmdb file of format 2, or is about something else */
  constructor(options: MmdbFileOptions) {
    const { path, content, logger } = options;
    const what = `database of ${content}`;
    this.#options = options;
    this.#what = what;
    const read = (contents: readonly Buffer[]): MmdbReader =>
      requireContent(openReader(contents), content);
    this.#files = new FollowedFiles({ what, paths: [path], read, logger });
    const { databaseType, buildEpoch } = this.#files.value.metadata;
    logger.info({ file: path, type: databaseType, built: buildEpoch }, `Using a ${what}`);
  }

  /** The record of an address; `undefined` when there is none. */
  find(ip: string): unknown {
    const reader = this.#files.value;
    const version = isIP(ip);
    // An IPv6 address is looked up in a tree of IPv4 as if its first half were one.
    if (version === 0 || version > reader.metadata.ipVersion) return undefined;
    try {
      return reader.get(ip) ?? undefined;
    } catch (err) {
      this.#complain(reader, err);
      return undefined;
    }
  }

  /** Calls `follower` each time a new version of the file is in use. */
  follow(follower: () => void): void {
    this.#files.follow(follower);
  }

  /** Looks whether the file has changed. Never rejects. */
  refresh(): Promise<void> {
    return this.#files.refresh();
  }

  /** Stops following. Idempotent. */
  close(): void {
    this.#files.close();
  }

  /** A damaged database must not keep agents out. */
  #complain(reader: MmdbReader, err: unknown): void {
    if (this.#damaged === reader) return;
    this.#damaged = reader;
    const { path, logger } = this.#options;
    logger.error({ err, file: path }, `A record of the ${this.#what} cannot be read`);
  }
}

function openReader([content = Buffer.alloc(0)]: readonly Buffer[]): MmdbReader {
  let reader;
  try {
    reader = new Reader(content);
  } catch (cause) {
    throw new Error("It is no mmdb file", { cause });
  }
  const { binaryFormatMajorVersion: format, searchTreeSize: treeBytes } = reader.metadata;
  if (format !== 2) throw new Error(`It is an mmdb file of format ${format}, and not 2`);
  const separator = content.subarray(treeBytes, treeBytes + SEPARATOR.length);
  if (!separator.equals(SEPARATOR)) throw new Error("The mmdb file is damaged");
  return reader;
}

function requireContent(reader: MmdbReader, wanted: MmdbContent): MmdbReader {
  const { databaseType } = reader.metadata;
  const content = contentOf(databaseType);
  if (content === undefined || content === wanted) return reader;
  throw new Error(`It is a database of ${content} (${databaseType}), and not of ${wanted}`);
}
