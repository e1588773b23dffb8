/**
 * A line of 100 ms round trip and 200 Mbit/s between agent and orchestrator: how much of it one download fills, and
 * what it does to small jobs on the same agent.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { KEYS, startCluster } from "@porchlight/testkit/cluster";
import { Program } from "@porchlight/testkit/program";
import { openTunnel } from "@porchlight/testkit/proxy-client";
import { temporaryFolder } from "@porchlight/testkit/temporary-folder";
import { program } from "./contenders/contender.ts";
import { compileLoadGenerator, type LoadCount } from "./load-generator.ts";
import { LOADS, type Load } from "./loads.ts";

const LATENCY_MS = 50;
const BYTES_PER_SECOND = 25e6;
const SECONDS = 10;

/** From the first byte of a download until its window has grown. Milliseconds. */
const GROWTH_MS = 3_000;

/** `docs/benchmarks.md` holds these bounds. */
const MIN_SHARE = 0.8;
const MAX_RATIO = 2;

await using folder = await temporaryFolder();
const generator = await compileLoadGenerator(program("cc"), folder.path);
await using origin = new Program({
  name: "origin",
  args: [join(import.meta.dirname, "origin.ts")],
});
await origin.ready("origin on port");
const originPort = Number(/origin on port (\d+)/.exec(origin.logs.text)?.[1]);
await using cluster = await startCluster({ agents: 0, relay: true });
const target = ["-t", `127.0.0.1:${originPort}`];
if (cluster.relay === undefined) throw new Error("The cluster has no relay");
Object.assign(cluster.relay.quality, {
  latencyMs: LATENCY_MS,
  bytesPerSecond: BYTES_PER_SECOND,
});
cluster.startAgent();
await cluster.untilAvailable(1);

function loadNamed(name: string): Load {
  const load = LOADS.find((each) => each.name === name);
  if (load === undefined) throw new Error(`There is no load ${name}`);
  return load;
}

/** Bytes of one download: in `SECONDS` from its opened tunnel on, and in what is left of them after `GROWTH_MS`. */
async function download(): Promise<{ readonly all: number; readonly grown: number }> {
  using tunnel = await openTunnel(cluster, originPort);
  let bytes = 0;
  tunnel.socket.removeAllListeners("data");
  tunnel.socket.on("data", (chunk: Buffer) => (bytes += chunk.length));
  // More than the line carries meanwhile.
  for (let answers = 0; answers < 4; answers++) tunnel.write("GET /100m HTTP/1.1\r\n\r\n");
  await delay(GROWTH_MS);
  const early = bytes;
  await delay(SECONDS * 1000 - GROWTH_MS);
  return { all: bytes, grown: bytes - early };
}

async function jobFile(): Promise<string> {
  const body = JSON.stringify({ url: `http://127.0.0.1:${originPort}/1k` });
  const file = join(folder.path, "job");
  await writeFile(
    file,
    `POST /v1/request HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${KEYS.client}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  return file;
}

async function smallJobs(seconds: number): Promise<LoadCount> {
  const route = ["-p", String(cluster.port), "-r", await jobFile(), ...target];
  return generator.run(loadNamed("J1"), route, { seconds });
}

const unloaded = await smallJobs(SECONDS);
const downloading = download();
await delay(GROWTH_MS);
const loaded = await smallJobs(SECONDS - (2 * GROWTH_MS) / 1000);
const { all, grown } = await downloading;
const share = all / SECONDS / BYTES_PER_SECOND;
const grownShare = grown / (SECONDS - GROWTH_MS / 1000) / BYTES_PER_SECOND;
const ratio = loaded.p99Us / unloaded.p99Us;
const columns = [
  ["share of the line, first 10 s", share.toFixed(2)],
  ["… from the fourth second on", `${grownShare.toFixed(2)} (bound ${MIN_SHARE})`],
  ["1 KB job, p50 / p99 ms", `${ms(unloaded.p50Us)} / ${ms(unloaded.p99Us)}`],
  ["beside the download", `${ms(loaded.p50Us)} / ${ms(loaded.p99Us)}`],
  ["p99 ratio", `${ratio.toFixed(2)} (bound ${MAX_RATIO})`],
] as const;
console.log(`| ${columns.map(([name]) => name).join(" | ")} |`);
console.log(`|${" --- |".repeat(columns.length)}`);
console.log(`| ${columns.map(([, value]) => value).join(" | ")} |`);

function ms(microseconds: number): string {
  return (microseconds / 1000).toFixed(0);
}
