/**
 * What an idle agent costs the orchestrator: 2,000 agents over TLS in processes of 250, memory before and
 * after. The first group is not counted: it pays for what is loaded and compiled once.
 */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { KEYS, startCluster } from "@porchlight/testkit/cluster";
import { testCertificate } from "@porchlight/testkit/certificate";
import { Program } from "@porchlight/testkit/program";

const GROUP = 250;

/** `docs/benchmarks.md` holds this bound. */
const BOUND_KB = 60;

/** Memory counts as settled when it has not grown by more than this for three seconds. Bytes. */
const STILL_BYTES = 1_000_000;

const { values } = parseArgs({ options: { agents: { type: "string", default: "2000" } } });
const agents = Number(values.agents);

await using cluster = await startCluster({ agents: 0, tls: true });
const { caFile } = await testCertificate();
await using groups = new AsyncDisposableStack();

async function startGroup(number: number): Promise<void> {
  const group = groups.use(
    new Program({
      name: `group ${number}`,
      args: [
        join(import.meta.dirname, "idle-group.ts"),
        cluster.agentUrl,
        KEYS.agent,
        caFile,
        `group-${number}`,
        String(GROUP),
      ],
    }),
  );
  await group.ready("connected", 60_000);
  console.error(`${(number + 1) * GROUP} agents connected`);
}

async function settledRssBytes(): Promise<number> {
  let lowest = cluster.orchestrator.usage.rssBytes;
  for (let stillSeconds = 0, waited = 0; stillSeconds < 3 && waited < 30; waited++) {
    await delay(1_000);
    const now = cluster.orchestrator.usage.rssBytes;
    stillSeconds = now - lowest > STILL_BYTES ? 0 : stillSeconds + 1;
    lowest = stillSeconds === 0 ? now : Math.min(lowest, now);
  }
  return cluster.orchestrator.usage.rssBytes;
}

/** Memory in which V8 makes new objects: it grows with the traffic of connecting, and once, not with each agent. */
async function youngBytes(): Promise<number> {
  const { body } = await cluster.admin.call({ method: "GET", path: "/metrics" });
  const [, bytes] =
    /^nodejs_heap_space_size_total_bytes\{space="new"\} (\d+)/mu.exec(String(body)) ?? [];
  return Number(bytes);
}

interface Memory {
  readonly rssBytes: number;
  readonly youngBytes: number;
}

async function settledMemory(): Promise<Memory> {
  const young = await youngBytes();
  return { rssBytes: await settledRssBytes(), youngBytes: young };
}

await startGroup(0);
const before = await settledMemory();
const startCpuMs = cluster.orchestrator.usage.cpuMs;
for (let number = 1; number < agents / GROUP; number++) await startGroup(number);
const after = await settledMemory();
const counted = agents - GROUP;
const rssKb = (after.rssBytes - before.rssBytes) / counted / 1000;
const youngKb = (after.youngBytes - before.youngBytes) / counted / 1000;
const handshakeMs = (cluster.orchestrator.usage.cpuMs - startCpuMs) / counted;
const columns = [
  ["agents", String(agents)],
  [`RSS MB with ${GROUP}`, (before.rssBytes / 1e6).toFixed(0)],
  ["RSS MB with all", (after.rssBytes / 1e6).toFixed(0)],
  ["RSS KB per agent", rssKb.toFixed(1)],
  ["without V8's young generation", `${(rssKb - youngKb).toFixed(1)} (bound ${BOUND_KB})`],
  ["CPU ms per handshake", handshakeMs.toFixed(2)],
] as const;
console.log(`| ${columns.map(([name]) => name).join(" | ")} |`);
console.log(`|${" --- |".repeat(columns.length)}`);
console.log(`| ${columns.map(([, value]) => value).join(" | ")} |`);
