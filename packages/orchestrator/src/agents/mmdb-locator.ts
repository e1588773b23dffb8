import type { Location, Locator } from "./location.ts";
import type { MmdbFile } from "./mmdb-file.ts";
import { networkOf, placeOf } from "./mmdb-record.ts";

/** The databases there are. */
export interface MmdbFiles {
  /** Of countries, regions and cities. */
  readonly places: MmdbFile | undefined;
  /** Of autonomous systems. */
  readonly networks: MmdbFile | undefined;
}

/** Tells where addresses are by two databases; without one, its part of a location is not known. */
export class MmdbLocator implements Locator {
  readonly #files: MmdbFiles;

  constructor(files: MmdbFiles) {
    this.#files = files;
  }

  locate(ip: string): Location {
    const { places, networks } = this.#files;
    return { ...placeOf(places?.find(ip)), ...networkOf(networks?.find(ip)) };
  }

  /** Calls `follower` each time a database has changed: locations given before may be wrong now. */
  follow(follower: () => void): void {
    this.#files.places?.follow(follower);
    this.#files.networks?.follow(follower);
  }

  /** Stops following the files. Idempotent. */
  close(): void {
    this.#files.places?.close();
    this.#files.networks?.close();
  }
}
