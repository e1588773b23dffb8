import assert from "node:assert/strict";
import { after, test } from "node:test";
import { startCluster, type Cluster } from "@porchlight/testkit/cluster";
import { startTarget, type TargetServer } from "@porchlight/testkit/target-server";
import { until } from "@porchlight/testkit/until";

const target: TargetServer = await startTarget();
after(() => target[Symbol.asyncDispose]());

function start(agents: number): Promise<Cluster> {
  return startCluster({ agents, orchestrator: { ORCH_HEARTBEAT_MS: "300" } });
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
