import { onSignals } from "./shutdown.ts";
import { createLogger } from "./logger.ts";
const logger = createLogger({ name: "zz", level: "info" });
logger.info({ argv: process.argv.slice(2), v: process.version }, "started");
if (process.argv[2] === "exit5") process.exit(5);
if (process.argv[2] === "natural") {
  logger.info("end");
} else {
  setInterval(() => {}, 1000);
  onSignals(async (s) => {
    logger.info({ s }, "got");
    await new Promise((r) => setTimeout(r, process.argv[2] === "slow" ? 5000 : 300));
    logger.info("bye");
    return 0;
  });
}
