/**
 * `node scripts/bootstrap.mjs FILE.ts [ARGS…]`: installs what is missing, then runs the TypeScript file with the
 * Node that the workspace brings. Plain JavaScript, since any Node from 20 on may be the first to read it; every
 * npm script of the repository starts here.
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { bundledNodeFile, isNewEnough } from "../packages/runtime/src/launch.js";
import { install, isInstalled, markInstalled } from "./install.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const END_WITH_PARENT = new URL("end-with-parent.ts", import.meta.url).href;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];

/** How often a vanished parent is looked for. Milliseconds. */
const PARENT_CHECK_MS = 1000;

async function main([file, ...args]) {
  if (file === undefined) return fail("Usage: node scripts/bootstrap.mjs FILE.ts [ARGS…]");
  if (!isInstalled(ROOT)) {
    const fault = await install(ROOT);
    if (fault !== undefined) return fail(fault);
    markInstalled(ROOT);
  }
  const node = bundledNodeFile(process) ?? (isNewEnough(process.version) ? process.execPath : "");
  if (node === "") {
    return fail(
      `No Node comes along for ${process.platform}-${process.arch}: install Node 24.12 or newer (this is ${process.version})`,
    );
  }
  run(node, [file, ...args]);
}

/** Runs the file, passes signals on to it and ends the way it ends. */
function run(node, args) {
  const parent = process.ppid;
  const child = spawn(node, ["--import", END_WITH_PARENT, ...args], {
    cwd: ROOT,
    stdio: ["inherit", "inherit", "inherit", "ipc"],
  });
  // On a terminal Ctrl-C reaches the child twice, from there and from here: it counts signals that close as one.
  for (const signal of SIGNALS) process.on(signal, () => child.kill(signal));
  // A parent killed outright says nothing; closing the channel tells the child, which then ends everything.
  const watch = setInterval(() => {
    if (process.ppid !== parent && child.connected) child.disconnect();
  }, PARENT_CHECK_MS);
  watch.unref();
  child.on("error", (error) => fail(`Could not start ${node} (${error.code})`));
  child.on("exit", (code, signal) => {
    process.exitCode = code ?? (signal === "SIGINT" ? 130 : 143);
    clearInterval(watch);
    if (child.connected) child.disconnect();
  });
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exitCode = 1;
}

await main(process.argv.slice(2));
