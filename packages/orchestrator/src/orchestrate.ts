import process from "node:process";
import { createLogger, type Logger } from "@porchlight/runtime/logger";
import { printReading } from "@porchlight/runtime/settings";
import { onSignals } from "@porchlight/runtime/shutdown";
import { beginYoung } from "@porchlight/runtime/young-objects";
import { readConfig } from "./config.ts";
import { startNode } from "./node.ts";
import { StartError } from "./start-error.ts";

/**
 * `porchlight orchestrator`: runs a node by environment and `flags` until a signal ends this process. Resolves
 * when it runs, with 0, or with the exit code when there is nothing to run.
 */
export async function orchestrate(flags: readonly string[]): Promise<number> {
  const reading = readConfig({ env: process.env, argv: flags });
  if (reading.kind !== "values") return printReading(reading, process);
  const logger = createLogger({ name: "orchestrator", level: reading.values.logLevel });
  logWhatNobodyCaught(logger);
  beginYoung();
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
