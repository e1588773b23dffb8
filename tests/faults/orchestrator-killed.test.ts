import assert from "node:assert/strict";
import { test } from "node:test";
import { startCluster } from "@porchlight/testkit/cluster";
import { startTarget } from "@porchlight/testkit/target-server";

test("faults F4: 300 agents come back after the orchestrator was killed, each with one link", async () => {
  await using target = await startTarget();
  await using cluster = await startCluster({ agents: 0 });
  for (let group = 0; group < 6; group++) cluster.startAgentGroup(50, { AGENT_LOG_LEVEL: "warn" });
  await cluster.untilAvailable(300, 20_000);
  cluster.orchestrator.kill("SIGKILL");
  await cluster.orchestrator.ended;
  await cluster.restartOrchestrator();
  await cluster.untilAvailable(300, 30_000);
  const agents = await cluster.client.agents();
  assert.equal(new Set(agents.map(({ name }) => name)).size, 300);
  assert.equal(agents.length, 300);
  assert.equal((await cluster.client.run({ url: `${target.origin}/status/200` })).statusCode, 200);
});
