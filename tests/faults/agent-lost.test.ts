import assert from "node:assert/strict";
import { after, test } from "node:test";
import { startCluster, type Cluster } from "@porchlight/testkit/cluster";
import { startTarget, type TargetServer } from "@porchlight/testkit/target-server";
import { until } from "@porchlight/testkit/until";

const HEARTBEAT_MS = 300;

/** Two heartbeats, and what a busy machine adds. */
const NOTICED_MS = 2 * HEARTBEAT_MS + 1_000;

const target: TargetServer = await startTarget();
after(() => target[Symbol.asyncDispose]());

function start(agents: number, relay = false): Promise<Cluster> {
  return startCluster({ agents, relay, orchestrator: { ORCH_HEARTBEAT_MS: String(HEARTBEAT_MS) } });
}

/** Waits until the target has a request of this path under way. */
async function untilAsked(path: string, times = 1): Promise<void> {
  await until(`${path} at the target`, () => {
    return target.requests.filter((request) => request.path === path).length >= times;
  });
}

test("faults F1: agent killed before the head: an unsafe job fails agent_lost", async () => {
  await using cluster = await start(1);
  const running = cluster.client.fail({
    url: `${target.origin}/hang?f1a`,
    method: "POST",
    body: "x",
  });
  await untilAsked("/hang?f1a");
  cluster.agents[0]?.kill("SIGKILL");
  const problem = await running;
  assert.equal(problem.code, "agent_lost");
  assert.equal(problem.status, 502);
  assert.equal(problem.fault, "agent");
  assert.deepEqual(
    problem.attempts?.map(({ error }) => error),
    ["agent_lost"],
  );
});

test("faults F1: agent killed before the head: a safe job is tried on another agent, visibly", async () => {
  await using cluster = await start(2);
  let asked = 0;
  target.route("once-hang", ({ response }) => {
    if (++asked > 1) response.end("second");
  });
  const running = cluster.client.run({ url: `${target.origin}/once-hang` });
  await until("the first attempt", () => asked === 1);
  const busy = await until("the busy agent", async () => {
    return (await cluster.client.agents()).find(({ inFlight }) => inFlight === 1);
  });
  cluster.agents.find(({ name }) => name === busy.name)?.kill("SIGKILL");
  const result = await running;
  assert.equal(result.statusCode, 200);
  assert.deepEqual(
    result.attempts.map(({ error }) => error),
    ["agent_lost", undefined],
  );
  assert.notEqual(result.exit.agentId, busy.id);
});

test("faults F1: agent killed in mid-body: a raw answer breaks, a buffered one is no success", async () => {
  await using cluster = await start(1);
  const { status, body } = await cluster.client.raw({ url: `${target.origin}/hang-body?f1b` });
  assert.equal(status, 200);
  const buffered = cluster.client.fail({ url: `${target.origin}/hang-body?f1c`, maxRetries: 0 });
  await untilAsked("/hang-body?f1c");
  cluster.agents[0]?.kill("SIGKILL");
  await assert.rejects(body.toArray(), { code: "ECONNRESET" });
  assert.equal((await buffered).code, "agent_lost");
});

test("faults F21: a job that has lost two agents is not tried on a third", async () => {
  await using cluster = await start(3);
  const running = cluster.client.fail({ url: `${target.origin}/hang?f21`, maxRetries: 5 });
  for (let lost = 1; lost <= 2; lost++) {
    await untilAsked("/hang?f21", lost);
    const busy = await until("the busy agent", async () => {
      return (await cluster.client.agents()).find(({ inFlight }) => inFlight === 1);
    });
    cluster.agents.find(({ name }) => name === busy.name)?.kill("SIGKILL");
  }
  const problem = await running;
  assert.equal(problem.code, "agent_lost");
  assert.equal(problem.attempts?.length, 2);
  assert.equal(target.requests.filter(({ path }) => path === "/hang?f21").length, 2);
});

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

test("faults A28: a client that goes away ends its job at the target within a second", async () => {
  await using cluster = await start(1);
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
