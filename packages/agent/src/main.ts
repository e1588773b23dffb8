/** The `porchlight-agent` program. */
import process from "node:process";
import { createLogger, secrets } from "@porchlight/runtime/logger";
import { printReading } from "@porchlight/runtime/settings";
import { onSignals } from "@porchlight/runtime/shutdown";
import { beginYoung } from "@porchlight/runtime/young-objects";
import { startAgent } from "./agent.ts";
import { type AgentConfig, readConfig } from "./config.ts";

// Names are resolved in the thread pool: with the usual four threads, four slow names would hold up everything.
process.env["UV_THREADPOOL_SIZE"] ??= "16";

const reading = readConfig({ env: process.env, argv: process.argv.slice(2) });
if (reading.kind === "values") run(reading.values);
else process.exitCode = printReading(reading, process);

function run(config: AgentConfig): void {
  beginYoung();
  secrets.register(config.key);
  const logger = createLogger({ name: "agent", level: config.logLevel });
  // Nobody restarts it at a home, and what an error leaves behind ends at its own deadline: it goes on.
  process.on("uncaughtException", (err) => {
    logger.error({ err }, "An error that nobody caught");
  });
  process.on("unhandledRejection", (err) => {
    logger.error({ err }, "A failure that nobody waited for");
  });
  const agent = startAgent(config, logger);
  onSignals(async () => {
    await agent.close();
    return agent.ended;
  });
  void agent.ended.then((code) => process.exit(code));
}
