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

/** Debian's Python, which alone sees the modules that Debian brings. */
export const DEBIAN_PYTHON = "/usr/bin/python3";

/** Each tool the tests use where it is there. */
export const TOOLS = {
  pythonWebsockets: {
    name: "Python with websockets",
    packages: ["python3", "python3-websockets"],
    neededFor: "the Python example",
    isThere: () => pythonWithWebsockets() !== undefined,
  },
  pythonClients: {
    name: "Python with requests, httpx, aiohttp and PySocks",
    packages: ["python3", "python3-requests", "python3-httpx", "python3-aiohttp", "python3-socks"],
    neededFor: "Python clients of the proxy",
    isThere: () => succeeds(DEBIAN_PYTHON, ["-c", "import requests, httpx, aiohttp, socks"]),
  },
  curl: {
    name: "curl",
    packages: ["curl"],
    neededFor: "curl as a client of the proxy",
    isThere: () => succeeds("curl", ["--version"]),
  },
  wget: {
    name: "wget",
    packages: ["wget"],
    neededFor: "wget as a client of the proxy",
    isThere: () => succeeds("wget", ["--version"]),
  },
  chromium: {
    name: "Chromium",
    packages: ["chromium"],
    neededFor: "a browser as a client of the proxy",
    isThere: () => succeeds("/usr/bin/chromium", ["--version"]),
  },
} as const satisfies Readonly<Record<string, SystemTool>>;

/** All of them. */
export const SYSTEM_TOOLS: readonly SystemTool[] = Object.values(TOOLS);

/** Why a test that needs the tool is skipped, or `false` when the tool is there: node:test's `skip`. */
export function skipWithout(tool: SystemTool): string | false {
  return !tool.isThere() && `${tool.name} is missing`;
}

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
