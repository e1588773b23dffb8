/** Checks that docs/dependencies.md has a line for each dependency, and for nothing else. */

/** A package.json, as far as it matters here. */
export interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** A row begins with the package's name as code, several names separated by commas. */
const ROW = /^\|\s*((?:`[^`]+`(?:,\s*)?)+)\s*\|/gm;

/** One sentence for each dependency without a line, and each line without a dependency. */
export function judgeLedger(ledger: string, manifests: readonly Manifest[]): string[] {
  const listed = new Set(
    [...ledger.matchAll(ROW)].flatMap((row) =>
      [...(row[1] ?? "").matchAll(/`([^`]+)`/g)].map((name) => name[1] ?? ""),
    ),
  );
  const used = new Set(manifests.flatMap(foreignDependencies));
  return [
    ...[...used.difference(listed)].map((name) => `docs/dependencies.md has no line for ${name}`),
    ...[...listed.difference(used)].map((name) => `docs/dependencies.md: nothing uses ${name}`),
  ];
}

/** Names of what a manifest brings in from elsewhere: the workspace's own packages are not listed. */
function foreignDependencies(manifest: Manifest): string[] {
  const all = { ...manifest.dependencies, ...manifest.devDependencies };
  return Object.keys({ ...all, ...manifest.optionalDependencies }).filter(
    (name) => !/^(?:@porchlight\/.*|porchlight|porchlight-agent)$/.test(name),
  );
}
