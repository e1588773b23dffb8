/**
 * `npm start [-- --once]`: an orchestrator and an agent on this computer, a real request through them, then lines to
 * copy, until Ctrl-C. With `--once` it ends after the first request: exit code 0 if that worked.
 */
import { resolve } from "node:path";
import { firstRequest } from "./start/first-request.ts";
import { freePort } from "./start/free-port.ts";
import { startPool, type Pool } from "./start/pool.ts";
import { describeNextSteps, describeResult } from "./start/report.ts";

const USAGE = "Usage: npm start [-- --once]";
const PREFERRED_PORT = 8080;
const PREFERRED_PROXY_PORT = 8081;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** npm passes Ctrl-C on although the terminal has sent it already: signals this close are one. Milliseconds. */
const SAME_SIGNAL_MS = 500;

/** Resolves at the first signal; a second one ends everything at once. */
async function stopRequested(pool: Pool): Promise<void> {
  const { promise, resolve: stop } = Promise.withResolvers<void>();
  let firstAtMs: number | undefined;
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      firstAtMs ??= performance.now();
      stop();
      if (performance.now() - firstAtMs < SAME_SIGNAL_MS) return;
      pool.kill();
      process.exit(130);
    });
  }
  await promise;
}

/** Runs until the user, the parent or a failure ends it; returns the exit code. */
async function run(pool: Pool, once: boolean): Promise<number> {
  const stopped = stopRequested(pool).then(() => undefined);
  const result = await Promise.race([firstRequest(pool), pool.broken, stopped]);
  if (result === undefined) return 130;
  console.log(
    `\nA request went out through the agent and came back:\n\n${describeResult(result)}\n`,
  );
  if (once) return 0;
  console.log(describeNextSteps(pool, process.platform));
  await Promise.race([pool.broken, stopped]);
  console.log("\nStopping …");
  return 0;
}

async function main(args: readonly string[]): Promise<number> {
  const unknown = args.filter((arg) => arg !== "--once");
  if (unknown.length > 0) {
    console.error(`${USAGE}\nUnknown argument: ${unknown.join(" ")}`);
    return 2;
  }
  const port = await freePort(PREFERRED_PORT);
  const proxyPort = await freePort(PREFERRED_PROXY_PORT);
  const taken = port === PREFERRED_PORT ? "" : ` (${PREFERRED_PORT} is taken)`;
  console.log(`Starting an orchestrator on http://127.0.0.1:${port}${taken} and an agent …`);
  try {
    const dataDir = resolve(process.env["ORCH_DATA_DIR"] ?? ".porchlight");
    return await runPool(await startPool({ port, proxyPort, dataDir }), args.includes("--once"));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  }
}

async function runPool(pool: Pool, once: boolean): Promise<number> {
  try {
    return await run(pool, once);
  } finally {
    await pool.stop();
  }
}

process.exitCode = await main(process.argv.slice(2));
// Handlers for signals do not keep the process, but a half-read answer of a failed start might.
process.exit();
