import assert from "node:assert/strict";
import { after, test } from "node:test";
import { connect } from "node:net";
import type { Problem } from "@porchlight/protocol/job";
import { FRAME } from "@porchlight/protocol/frame";
import { json } from "@porchlight/testkit/api-client";
import { rawFrame } from "@porchlight/testkit/frame-socket";
import { startCluster, type Cluster } from "@porchlight/testkit/cluster";
import {
  callThroughProxy,
  connectHead,
  forwardHead,
  openTunnel,
  SOCKS_GREETING,
  socksLogin,
  socksRequest,
} from "@porchlight/testkit/proxy-client";
import { openRaw } from "@porchlight/testkit/raw-http";
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
  for (let round = 0; round < 5; round++) {
    const result = await cluster.client.run({ url: `${target.origin}/status/200` });
    assert.equal(result.statusCode, 200);
    assert.ok(result.timings.totalMs < 5_000 && result.timings.totalMs >= 0);
    const seen = await lastSeen(cluster);
    await until("a heartbeat of each", async () => {
      const now = await lastSeen(cluster);
      return now.every((at, index) => at !== seen[index]);
    });
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
  // Those that are judged alive are asked again.
  const asked = agents.map((agent) => agent.received("ping").length);
  await Promise.all(
    agents.map((agent, index) => agent.untilFrame("ping", (asked[index] ?? 0) + 1)),
  );
  clearInterval(pinging);
  assert.deepEqual(
    agents.map(({ socket }) => socket.end),
    [undefined, undefined, undefined],
  );
  for (const agent of agents) agent[Symbol.dispose]();
});

async function lastSeen(cluster: Cluster): Promise<string[]> {
  const agents = await cluster.client.agents();
  return agents.map(({ lastSeenAt }) => lastSeenAt);
}

/** Opens connections that say nothing, until `sockets` is left. */
function connectMany(many: {
  readonly port: number;
  readonly count: number;
  readonly sockets: DisposableStack;
}): void {
  for (let index = 0; index < many.count; index++) {
    const socket = connect(many.port, "127.0.0.1");
    socket.on("error", () => undefined);
    many.sockets.defer(() => socket.destroy());
  }
}

test("faults F18: with few file descriptors new work is refused, running work goes on, and it recovers", async () => {
  await using cluster = await startCluster({ descriptors: 256 });
  const { body } = await cluster.client.raw({ url: `${target.origin}/drip/20`, timeoutMs: 60_000 });
  let dripped = 0;
  body.on("data", (chunk: Buffer) => (dripped += chunk.length));
  using sockets = new DisposableStack();
  connectMany({ port: cluster.port, count: 170, sockets });
  const refused = await until("new work to be refused", async () => {
    const answer = await cluster.client.post({ url: `${target.origin}/status/200` });
    return answer.status === 200 ? undefined : answer;
  });
  assert.equal(refused.status, 503);
  assert.equal((json(refused) as Problem).code, "overloaded");
  connectMany({ port: cluster.port, count: 400, sockets });
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

test("faults F18: few file descriptors at the proxy's port: new work is refused in every form, tunnels go on, and it recovers", async () => {
  await using cluster = await startCluster({ descriptors: 256 });
  using tunnel = await openTunnel(cluster, target.port);
  tunnel.write("GET /drip/20 HTTP/1.1\r\nHost: x\r\n\r\n");
  await tunnel.untilText(".");
  using sockets = new DisposableStack();
  connectMany({ port: cluster.proxyPort, count: 170, sockets });
  const authority = `127.0.0.1:${target.port}`;
  const forms = [connectHead(authority), forwardHead(`${target.origin}/status/200`)];
  for (const head of forms) {
    const refused = await until("new work to be refused", async () => {
      using client = await openRaw(cluster.proxyPort);
      client.write(head);
      const served = "HTTP/1.1 200";
      await until("an answer", () => client.text.includes("}") || client.text.startsWith(served));
      return client.text.startsWith(served) ? undefined : client.text;
    });
    assert.match(refused, /^HTTP\/1\.1 503 [\s\S]*details="overloaded"[\s\S]*Retry-After: \d/);
  }
  using socks = await openRaw(cluster.proxyPort);
  const request = socksRequest([1, 127, 0, 0, 1], target.port);
  socks.write(Buffer.concat([SOCKS_GREETING, socksLogin(), request]));
  await socks.untilEnd();
  assert.match(socks.received.toString("hex"), /^050201000501/);
  // The other listener draws on the same descriptors.
  connectMany({ port: cluster.port, count: 400, sockets });
  const before = tunnel.received.length;
  await until("the tunnel to go on", () => tunnel.received.length > before + 10);
  assert.ok(cluster.orchestrator.usage.fileDescriptors < 256);
  sockets.dispose();
  await until("the proxy to recover", async () => {
    const call = callThroughProxy(cluster, { url: `${target.origin}/status/200` });
    return (await call.catch(() => undefined))?.response.statusCode === 200;
  });
  assert.equal(tunnel.end, undefined);
});
