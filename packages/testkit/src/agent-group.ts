/**
 * Many agents in one process, configured by the agent's environment and `GROUP_COUNT`; their names are
 * `AGENT_NAME` and a number.
 */
import { createLogger } from "@porchlight/runtime/logger";
import { startAgent } from "porchlight-agent/agent";
import { readConfig } from "porchlight-agent/config";

const reading = readConfig({ env: process.env, argv: [] });
if (reading.kind !== "values") throw new Error(JSON.stringify(reading));
const config = reading.values;
const logger = createLogger({ name: "agents", level: config.logLevel });
const count = Number(process.env["GROUP_COUNT"]);
const agents = Array.from({ length: count }, (_, index) =>
  startAgent({ ...config, name: `${config.name}-${index + 1}` }, logger),
);
process.once("SIGTERM", () => {
  void Promise.all(agents.map((agent) => agent.close())).then(() => process.exit(0));
});
