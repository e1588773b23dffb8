/**
 * What an idle CONNECT tunnel costs: 10,000 of them through ten agents, memory of the orchestrator and of the agents'
 * process before and after. The first thousand are not counted: they pay for what is loaded and compiled once.
 */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { KEYS, startCluster } from "@porchlight/testkit/cluster";
import { Program } from "@porchlight/testkit/program";
import { openRaw, type RawConnection } from "@porchlight/testkit/raw-http";

const AGENTS = 10;
const UNCOUNTED = 1_000;
const AT_ONCE = 100;

/** Memory counts as settled after this time without traffic. Milliseconds. */
const SETTLE_MS = 4_000;

/** `docs/benchmarks.md` holds this bound. */
const BOUND_KB = 50;

const { values } = parseArgs({ options: { tunnels: { type: "string", default: "10000" } } });
const tunnels = Number(values.tunnels);

await using cluster = await startCluster({
  agents: 0,
  orchestrator: { ORCH_QUEUE_WAIT_MS: "30000" },
});
const agents = cluster.startAgentGroup(AGENTS, { AGENT_MAX_CONCURRENCY: "1024" });
await cluster.untilAvailable(AGENTS, 30_000);

await using origin = new Program({
  name: "origin",
  args: [join(import.meta.dirname, "origin.ts")],
});
await origin.ready("origin on port");
const port = Number(/origin on port (\d+)/.exec(origin.logs.text)?.[1]);

const login = Buffer.from(`bench:${KEYS.client}`).toString("base64");
const head =
  `CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n` +
  `Proxy-Authorization: Basic ${login}\r\n\r\n`;
const open: RawConnection[] = [];

async function openTunnel(): Promise<void> {
  const connection = await openRaw(cluster.proxyPort);
  connection.write(head);
  await connection.untilText("200 ", 30_000);
  open.push(connection);
}

async function openUpTo(count: number): Promise<void> {
  while (open.length < count) {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - open.length) }, openTunnel));
  }
  console.error(`${open.length} tunnels open`);
  await delay(SETTLE_MS);
}

const memory = () => [cluster.orchestrator, agents].map(({ usage }) => usage.rssBytes);

await openUpTo(UNCOUNTED);
const before = memory();
await openUpTo(tunnels);
const after = memory();
const [orchestratorKb = 0, agentKb = 0] = after.map(
  (bytes, index) => (bytes - (before[index] ?? 0)) / (tunnels - UNCOUNTED) / 1000,
);
console.log(`| tunnels | RSS KB per tunnel, orchestrator | agent |`);
console.log(`| --- | --- | --- |`);
console.log(
  `| ${tunnels} | ${orchestratorKb.toFixed(1)} (bound ${BOUND_KB}) | ${agentKb.toFixed(1)} |`,
);
for (const connection of open) connection[Symbol.dispose]();
