/** What package-lock.json says of builds for other platforms. */

/** One package in the lock file, as far as it matters here. */
export interface LockEntry {
  readonly version?: string;
  readonly optional?: boolean;
  readonly dev?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** The file as a whole: packages by their path, the root as the empty one. */
export interface LockFile {
  readonly packages: Readonly<Record<string, LockEntry>>;
}

/** A build for one platform that its parent names and the lock file lacks. */
export interface MissingBuild {
  readonly name: string;
  readonly entry: LockEntry;
}

/** Operating system, processor and C library stand at the end of the name of such a package. */
const PLATFORM =
  /[/-](android|darwin|freebsd|linux|openharmony|win32)-(arm|arm64|ia32|ppc64|riscv64|s390x|x64)(?:-(gnu|musl|\w+))?$/;

const LIBC: Readonly<Record<string, string>> = { gnu: "glibc", musl: "musl" };

/** Every optional dependency in the lock file that is a build for one platform and has no entry. */
export function missingPlatformBuilds(lock: LockFile): MissingBuild[] {
  const missing = new Map<string, MissingBuild>();
  for (const parent of Object.values(lock.packages)) {
    for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
      const entry = entryOf(name, version, parent.dev === true);
      if (entry === undefined || Object.hasOwn(lock.packages, pathOf(name))) continue;
      missing.set(name, { name, entry });
    }
  }
  return [...missing.values()];
}

/** The lock file with an entry for each of them, in npm's order. */
export function completeLock(lock: LockFile): LockFile {
  const added = missingPlatformBuilds(lock).map(
    ({ name, entry }) => [pathOf(name), entry] as const,
  );
  const packages = [...Object.entries(lock.packages), ...added].toSorted(([one], [other]) =>
    one.localeCompare(other, "en"),
  );
  return { ...lock, packages: Object.fromEntries(packages) };
}

function pathOf(name: string): string {
  return `node_modules/${name}`;
}

function entryOf(name: string, version: string, dev: boolean): LockEntry | undefined {
  const match = PLATFORM.exec(name);
  if (match === null) return undefined;
  const [, os = "", cpu = "", abi = ""] = match;
  const libc = LIBC[abi];
  return {
    version,
    cpu: [cpu],
    ...(dev && { dev: true }),
    ...(libc !== undefined && { libc: [libc] }),
    optional: true,
    os: [os],
  };
}
