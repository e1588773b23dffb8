/** Installs the workspace's packages by `npm ci`, once for each state of package-lock.json. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Holds the hash of the package-lock.json that node_modules was installed from. */
const STAMP = "node_modules/.porchlight-lock";

/** What npm itself writes at the end of an install. */
const NPM_RECORD = "node_modules/.package-lock.json";

const QUIET = ["--loglevel=error", "--no-progress"];

/** Whatever NODE_ENV or npm's own settings leave out: the tools and the Node that comes along. */
const COMPLETE = ["--include=dev", "--include=optional"];

/** How much of npm's output is shown when it fails. Lines. */
const SHOWN_LINES = 20;

/** Whether node_modules belongs to the present package-lock.json, installed by this script or by hand. */
export function isInstalled(root) {
  const installedAtMs = modifiedAtMs(join(root, NPM_RECORD));
  if (installedAtMs === undefined) return false;
  const stamp = readIfThere(join(root, STAMP));
  if (stamp === lockHash(root)) return true;
  const lockedAtMs = modifiedAtMs(join(root, "package-lock.json"));
  return lockedAtMs !== undefined && installedAtMs >= lockedAtMs;
}

/** Remembers that node_modules belongs to the present package-lock.json. */
export function markInstalled(root) {
  writeFileSync(join(root, STAMP), lockHash(root));
}

/** Installs, with one line before and one after; returns what went wrong, or `undefined`. */
export async function install(root) {
  process.stderr.write("Installing dependencies with npm (about a minute the first time) …\n");
  const startedAtMs = Date.now();
  const { code, output } = await runNpm(root);
  if (code === 0) {
    const seconds = ((Date.now() - startedAtMs) / 1000).toFixed(0);
    process.stderr.write(`Installed in ${seconds} s\n`);
    return undefined;
  }
  const shown = output.split("\n").slice(0, SHOWN_LINES).join("\n");
  return `${shown}\nInstalling failed: "npm ci" ended with code ${code}`;
}

function runNpm(root) {
  const [command, args] = npmCommand([...verb(root), ...QUIET, ...COMPLETE]);
  return new Promise((resolve) => {
    // No shell but where npm is a batch file, which Windows starts by no other means.
    const child = spawn(command, args, { cwd: root, shell: command === "npm.cmd" });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => (output += text));
    }
    child.on("error", (error) => resolve({ code: error.code, output }));
    child.on("close", (code) => resolve({ code, output }));
  });
}

/** Windows cannot delete the running Node, which `npm ci` would do when that is the one in node_modules. */
function verb(root) {
  const inside = process.execPath.startsWith(join(root, "node_modules"));
  return inside && process.platform === "win32" ? ["install", "--no-save"] : ["ci"];
}

/** npm as a program and arguments: the npm that runs this script when there is one, by the Node that runs npm. */
function npmCommand(args) {
  const { npm_execpath: npm, npm_node_execpath: node } = process.env;
  if (npm?.endsWith(".js")) return [node ?? process.execPath, [npm, ...args]];
  return [process.platform === "win32" ? "npm.cmd" : "npm", args];
}

function lockHash(root) {
  return createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
}

function modifiedAtMs(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs;
}

function readIfThere(path) {
  return modifiedAtMs(path) === undefined ? undefined : readFileSync(path, "utf8");
}
