import assert from "node:assert/strict";
import { after, test } from "node:test";
import { startCluster } from "@porchlight/testkit/cluster";
import { startTarget } from "@porchlight/testkit/target-server";
import { until } from "@porchlight/testkit/until";

const MIB = 1024 * 1024;

const cluster = await startCluster({ tls: true });
const target = await startTarget();
after(async () => {
  await target[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});
const { orchestrator } = cluster;
const [agent] = cluster.agents;

test("faults F10: a client that hardly reads costs bounded memory and holds nobody else up", async () => {
  const url = `${target.origin}/bytes/1000000000`;
  await cluster.client.run({ url: `${target.origin}/status/200` });
  const before = { orchestrator: orchestrator.usage.rssBytes, agent: agent?.usage.rssBytes ?? 0 };
  const slow = await Promise.all(Array.from({ length: 3 }, () => cluster.client.raw({ url })));
  for (const { body } of slow) body.once("data", () => body.pause());
  // The others' latency while the slow ones have filled every window.
  const latenciesMs: number[] = [];
  for (let round = 0; round < 60; round++) {
    const startMs = performance.now();
    await cluster.client.run({ url: `${target.origin}/status/200` });
    latenciesMs.push(performance.now() - startMs);
  }
  latenciesMs.sort((a, b) => a - b);
  assert.ok((latenciesMs[53] ?? 0) < 100, `90 % within ${latenciesMs[53]} ms`);
  assert.ok(orchestrator.usage.rssBytes - before.orchestrator < 60 * MIB);
  assert.ok((agent?.usage.rssBytes ?? 0) - before.agent < 60 * MIB);
  for (const { body } of slow) body.destroy();
  await until("the target to be left", () => target.openConnections <= 1, 3_000);
  await until("the slots to be free", async () => {
    return (await cluster.client.agents()).every(({ inFlight }) => inFlight === 0);
  });
});
