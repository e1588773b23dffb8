import assert from "node:assert/strict";
import { after, test } from "node:test";
import { startCluster, type Cluster } from "@porchlight/testkit/cluster";
import { startTarget } from "@porchlight/testkit/target-server";
import { until } from "@porchlight/testkit/until";

const HEARTBEAT_MS = 300;

/** Two heartbeats, and what a busy machine adds. */
const NOTICED_MS = 2 * HEARTBEAT_MS + 1_000;

const target = await startTarget();
after(() => target[Symbol.asyncDispose]());

function start(agents: number, relay = false): Promise<Cluster> {
  return startCluster({ agents, relay, orchestrator: { ORCH_HEARTBEAT_MS: String(HEARTBEAT_MS) } });
}

/** Waits until the target has a request of this path under way. */
async function untilAsked(path: string): Promise<void> {
  await until(`${path} at the target`, () => target.requests.some((seen) => seen.path === path));
}

test("faults F2: a line that stops forwarding is noticed within two heartbeats, on both sides", async () => {
  await using cluster = await start(1, true);
  const running = cluster.client.fail({
    url: `${target.origin}/hang?f2a`,
    method: "POST",
    body: "x",
  });
  await untilAsked("/hang?f2a");
  const startMs = performance.now();
  cluster.relay?.pause();
  const problem = await running;
  assert.equal(problem.code, "agent_lost");
  assert.ok(performance.now() - startMs < NOTICED_MS, `${performance.now() - startMs} ms`);
  // The agent gives up the link by itself and dials again; its socket to the target is closed.
  await until("the agent's job to be dropped", () => {
    return target.requests.find(({ path }) => path === "/hang?f2a")?.aborted;
  });
  await until("the agent to dial again", () => (cluster.relay?.accepted ?? 0) > 1, 10_000);
  cluster.relay?.resume();
  await cluster.untilAvailable(1, 15_000);
});

test("faults F2: one direction of the line is enough to notice", async () => {
  await using cluster = await start(1, true);
  const startMs = performance.now();
  cluster.relay?.pause("up");
  await until("the agent to be gone", async () => {
    return (await cluster.client.agents()).every(({ status }) => status === "offline");
  });
  assert.ok(performance.now() - startMs < NOTICED_MS);
});

test("faults F2: a frozen agent is noticed, and its late result is dropped", async () => {
  await using cluster = await start(1);
  let finish: (() => void) | undefined;
  target.route("late", ({ response }) => {
    finish = () => response.end("late");
  });
  const running = cluster.client.fail({ url: `${target.origin}/late`, method: "POST", body: "x" });
  await until("the job at the target", () => finish);
  cluster.agents[0]?.kill("SIGSTOP");
  const startMs = performance.now();
  finish?.();
  assert.equal((await running).code, "agent_lost");
  assert.ok(performance.now() - startMs < NOTICED_MS);
  cluster.agents[0]?.kill("SIGCONT");
  await cluster.untilAvailable(1, 15_000);
  const next = await cluster.client.run({ url: `${target.origin}/status/202` });
  assert.equal(next.statusCode, 202);
});
