/** The `porchlight` program: the orchestrator and the commands around it. */
import process from "node:process";
import { createLogger, type Logger } from "@porchlight/runtime/logger";
import { printReading } from "@porchlight/runtime/settings";
import { onSignals } from "@porchlight/runtime/shutdown";
import { runProgram } from "./cli/program.ts";
import { ORCHESTRATOR_PROGRAM, readConfig } from "./config.ts";
import { openState, startNode } from "./node.ts";
import { StartError } from "./start-error.ts";

// A reader that has seen enough (`porchlight keys list | head`) is no fault.
process.stdout.on("error", () => process.exit(0));

process.exitCode = await runProgram(process.argv.slice(2), {
  context: {
    env: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    now: Date.now,
    openState,
  },
  version: ORCHESTRATOR_PROGRAM.version,
  startOrchestrator,
});

async function startOrchestrator(flags: readonly string[]): Promise<number> {
  const reading = readConfig({ env: process.env, argv: flags });
  if (reading.kind !== "values") return printReading(reading, process);
  const logger = createLogger({ name: "orchestrator", level: reading.values.logLevel });
  logWhatNobodyCaught(logger);
  try {
    const node = await startNode(reading.values, { logger });
    onSignals(async (signal) => {
      logger.info({ signal }, "Shutting down");
      await node.close();
      logger.info("Stopped");
      return 0;
    });
    return 0;
  } catch (err) {
    if (!(err instanceof StartError)) throw err;
    process.stderr.write(`${err.message}\n`);
    return err.exitCode;
  }
}

/** Nothing should come here; what does must at least leave a trace. */
function logWhatNobodyCaught(logger: Logger): void {
  process.on("uncaughtException", (err) => {
    logger.fatal({ err }, "Ended by an error that nobody caught");
    process.exit(1);
  });
  process.on("unhandledRejection", (err) => {
    logger.error({ err }, "A failure that nobody waited for");
  });
}
