import assert from "node:assert/strict";
import { after, test } from "node:test";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { Problem } from "@porchlight/protocol/job";
import { FRAME } from "@porchlight/protocol/frame";
import { json } from "@porchlight/testkit/api-client";
import { rawFrame } from "@porchlight/testkit/frame-socket";
import { startCluster } from "@porchlight/testkit/cluster";
import { startTarget } from "@porchlight/testkit/target-server";
import { until } from "@porchlight/testkit/until";

const target = await startTarget();
after(() => target[Symbol.asyncDispose]());

test("faults F16: clocks ten minutes off, either way, harm nothing", async () => {
  await using cluster = await startCluster({
    agents: 0,
    orchestrator: { ORCH_HEARTBEAT_MS: "200", FAULT_CLOCK_SKEW_MS: "600000" },
  });
  cluster.startAgent({ FAULT_CLOCK_SKEW_MS: "-600000" });
  cluster.startAgent();
  await cluster.untilAvailable(2);
  const before = await cluster.client.agents();
  // Several heartbeats, so that a deadline by a wall clock would have passed.
  for (let round = 0; round < 10; round++) {
    const result = await cluster.client.run({ url: `${target.origin}/status/200` });
    assert.equal(result.statusCode, 200);
    assert.ok(result.timings.totalMs < 5_000 && result.timings.totalMs >= 0);
    await delay(100);
  }
  const now = await cluster.client.agents();
  assert.deepEqual(
    now.map(({ connectedAt }) => connectedAt),
    before.map(({ connectedAt }) => connectedAt),
  );
});

test("faults F19: an event loop that stood still does not expire the links", async () => {
  await using cluster = await startCluster({
    agents: 0,
    orchestrator: { ORCH_HEARTBEAT_MS: "300", FAULT_BLOCK_MS: "1500" },
  });
  // Real agents would give up an orchestrator that is silent for so long; these go on pinging.
  const agents = await Promise.all(
    ["one", "two", "three"].map((name) => cluster.muxAgent({ hello: { name } })),
  );
  await cluster.untilAvailable(3);
  const ping = rawFrame({
    type: FRAME.ping,
    streamId: 0,
    payload: Buffer.from([0, 0, 0, 0, 0, 0, 0, 1]),
  });
  const pinging = setInterval(() => {
    for (const agent of agents) agent.raw(ping);
  }, 100);
  await Promise.all(agents.map((agent) => agent.untilFrame("ping")));
  cluster.orchestrator.kill("SIGUSR2");
  await cluster.client.agents();
  await delay(400);
  clearInterval(pinging);
  assert.deepEqual(
    agents.map(({ socket }) => socket.end),
    [undefined, undefined, undefined],
  );
  for (const agent of agents) agent[Symbol.dispose]();
});

test("faults F18: with few file descriptors new work is refused, running work goes on, and it recovers", async () => {
  await using cluster = await startCluster({ descriptors: 256 });
  const { body } = await cluster.client.raw({ url: `${target.origin}/drip/20`, timeoutMs: 60_000 });
  let dripped = 0;
  body.on("data", (chunk: Buffer) => (dripped += chunk.length));
  using sockets = new DisposableStack();
  function connectMany(count: number): void {
    for (let index = 0; index < count; index++) {
      const socket = connect(cluster.port, "127.0.0.1");
      socket.on("error", () => undefined);
      sockets.defer(() => socket.destroy());
    }
  }
  connectMany(170);
  const refused = await until("new work to be refused", async () => {
    const answer = await cluster.client.post({ url: `${target.origin}/status/200` });
    return answer.status === 200 ? undefined : answer;
  });
  assert.equal(refused.status, 503);
  assert.equal((json(refused) as Problem).code, "overloaded");
  connectMany(400);
  const before = dripped;
  await until("the running job to go on", () => dripped > before + 10);
  assert.ok(cluster.orchestrator.usage.fileDescriptors < 256);
  sockets.dispose();
  // Until the last of them is gone, a connection beyond the limit is closed as it is accepted.
  await until("the orchestrator to recover", async () => {
    const call = cluster.client.post({ url: `${target.origin}/status/200` });
    return (await call.catch(() => undefined))?.status === 200;
  });
  assert.equal(body.destroyed, false);
  body.destroy();
});
