/** Programs from outside npm that some tests need, and how Debian brings them. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

/** One tool, its test for being there, and the Debian packages that hold it. */
export interface SystemTool {
  readonly name: string;
  readonly packages: readonly string[];
  /** What is skipped without it. */
  readonly neededFor: string;
  readonly isThere: () => boolean;
}

/** Where a Python with the `websockets` module may be: the first on the path, then Debian's own. */
const PYTHONS = ["python3", "/usr/bin/python3", "python"];

/** Every tool the tests use where it is there. */
export const SYSTEM_TOOLS: readonly SystemTool[] = [
  {
    name: "Python with websockets",
    packages: ["python3", "python3-websockets"],
    neededFor: "the Python example",
    isThere: () => pythonWithWebsockets() !== undefined,
  },
];

/** The Python that can run the example agent, or `undefined` when there is none. */
export function pythonWithWebsockets(): string | undefined {
  return PYTHONS.find((python) => succeeds(python, ["-c", "import websockets"]));
}

/** Installs the missing tools where that is possible; returns those that are still missing. */
export function provideTools(
  tools: readonly SystemTool[],
  log: (line: string) => void,
): SystemTool[] {
  const missing = tools.filter((tool) => !tool.isThere());
  if (missing.length === 0 || !mayInstall()) return missing;
  const packages = missing.flatMap((tool) => tool.packages);
  log(`Installing Debian packages for the tests: ${packages.join(" ")} …`);
  if (!aptGet(["install", "--yes", "--no-install-recommends", ...packages])) {
    // A new machine has no package lists yet.
    aptGet(["update"]);
    aptGet(["install", "--yes", "--no-install-recommends", ...packages]);
  }
  return missing.filter((tool) => !tool.isThere());
}

function mayInstall(): boolean {
  return process.getuid?.() === 0 && existsSync("/usr/bin/apt-get");
}

function aptGet(args: readonly string[]): boolean {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  return spawnSync("apt-get", ["--quiet", ...args], { stdio: "ignore", env }).status === 0;
}

function succeeds(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: "ignore" }).status === 0;
}
