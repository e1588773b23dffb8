import assert from "node:assert/strict";
import { after, test } from "node:test";
import { startCluster } from "@porchlight/testkit/cluster";
import { startTarget } from "@porchlight/testkit/target-server";
import { until } from "@porchlight/testkit/until";

const target = await startTarget();
after(() => target[Symbol.asyncDispose]());

/** Waits until the target has a request of this path under way. */
async function untilAsked(path: string): Promise<void> {
  await until(`${path} at the target`, () => target.requests.some((seen) => seen.path === path));
}

test("faults A28: a client that goes away ends its job at the target within a second", async () => {
  await using cluster = await startCluster();
  const controller = new AbortController();
  const running = cluster.client.post({ url: `${target.origin}/hang?a28` }, controller.signal);
  await untilAsked("/hang?a28");
  controller.abort();
  await assert.rejects(running);
  const seen = target.requests.find(({ path }) => path === "/hang?a28");
  await until("the target to be left", () => seen?.aborted, 1_000);
  await cluster.untilAvailable(1);
});

test("faults A28: a client that goes away while it waits for an agent leaves no job behind", async () => {
  await using cluster = await startCluster({
    agents: 0,
    orchestrator: { ORCH_QUEUE_WAIT_MS: "10000" },
  });
  const controller = new AbortController();
  const running = cluster.client.post({ url: `${target.origin}/echo?gone` }, controller.signal);
  await assert.rejects(async () => {
    setTimeout(() => controller.abort(), 100);
    await running;
  });
  cluster.startAgent();
  await cluster.untilAvailable(1);
  await cluster.client.run({ url: `${target.origin}/echo?after` });
  assert.equal(
    target.requests.some(({ path }) => path === "/echo?gone"),
    false,
  );
});
