import assert from "node:assert/strict";
import { test } from "node:test";
import { startCluster } from "@porchlight/testkit/cluster";
import { startTarget } from "@porchlight/testkit/target-server";

const GIGABYTE = 1_000_000_000;

/** What orchestrator and agent may each hold resident while the body passes. Bytes. */
const BOUND_BYTES = 250_000_000;

test("a body of 1 GB passes through format raw with bounded memory", async () => {
  await using cluster = await startCluster({ tls: true });
  await using target = await startTarget();
  const [agent] = cluster.agents;
  const { status, body } = await cluster.client.raw({
    url: `${target.origin}/bytes/${GIGABYTE}`,
    timeoutMs: 120_000,
  });
  assert.equal(status, 200);
  let bytes = 0;
  let sampledAt = 0;
  let largest = 0;
  for await (const chunk of body) {
    bytes += (chunk as Buffer).length;
    if (bytes - sampledAt < 20_000_000) continue;
    sampledAt = bytes;
    largest = Math.max(
      largest,
      cluster.orchestrator.usage.rssBytes,
      agent?.usage.rssBytes ?? Number.POSITIVE_INFINITY,
    );
  }
  assert.equal(bytes, GIGABYTE);
  assert.ok(largest < BOUND_BYTES, `${largest} bytes resident`);
});
