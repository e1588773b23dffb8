/** The `porchlight` program: the orchestrator, and the commands around it, which start without loading it. */
import process from "node:process";
import manifest from "../package.json" with { type: "json" };
import { runProgram } from "./cli/program.ts";

// A reader that has seen enough (`porchlight keys list | head`) is no fault.
process.stdout.on("error", () => process.exit(0));

process.exitCode = await runProgram(process.argv.slice(2), {
  context: {
    env: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    now: Date.now,
    openState: async (dataDir) => (await import("./node.ts")).openState(dataDir),
  },
  version: manifest.version,
  startOrchestrator: async (flags) => (await import("./orchestrate.ts")).orchestrate(flags),
});
