import assert from "node:assert/strict";
import { after, test } from "node:test";
import { startCluster } from "@porchlight/testkit/cluster";
import { startTarget } from "@porchlight/testkit/target-server";
import { until } from "@porchlight/testkit/until";

const target = await startTarget();
after(() => target[Symbol.asyncDispose]());

test("faults F3: SIGTERM of the orchestrator under load: running work finishes, exit 0, not ready meanwhile", async () => {
  await using cluster = await startCluster();
  let finish: (() => void) | undefined;
  target.route("slow-f3", ({ response }) => {
    finish = () => response.end("done");
  });
  const running = cluster.client.run({ url: `${target.origin}/slow-f3` });
  await until("the job at the target", () => finish);
  cluster.orchestrator.kill("SIGTERM");
  await until("readiness to go off", async () => {
    const answer = await cluster
      .as(undefined)
      .call({ path: "/readyz" })
      .catch(() => undefined);
    return answer?.status === 503;
  });
  finish?.();
  assert.equal(Buffer.from((await running).body, "base64").toString(), "done");
  assert.deepEqual(await cluster.orchestrator.ended, { code: 0, signal: null });
});

test("faults F3: SIGTERM of an agent: running work finishes, no new work, exit 0", async () => {
  await using cluster = await startCluster({ agents: 1 });
  let finish: (() => void) | undefined;
  target.route("slow-agent", ({ response }) => {
    finish = () => response.end("done");
  });
  const running = cluster.client.run({ url: `${target.origin}/slow-agent` });
  await until("the job at the target", () => finish);
  const [agent] = cluster.agents;
  agent?.kill("SIGTERM");
  await until("the agent to drain", async () => {
    return (await cluster.client.agents())[0]?.status === "draining";
  });
  const refused = await cluster.client.fail({ url: `${target.origin}/echo` });
  assert.equal(refused.code, "no_agent_available");
  finish?.();
  assert.equal((await running).statusCode, 200);
  assert.deepEqual(await agent?.ended, { code: 0, signal: null });
});

test("faults F4: an orchestrator that comes back has its agents back, jobs in flight end once", async () => {
  await using cluster = await startCluster({ agents: 2 });
  const running = cluster.client.post({ url: `${target.origin}/hang?f4` });
  await until("the job at the target", () =>
    target.requests.some(({ path }) => path === "/hang?f4"),
  );
  const failed = assert.rejects(running, /ECONNRESET|socket hang up/);
  cluster.orchestrator.kill("SIGKILL");
  await failed;
  await cluster.orchestrator.ended;
  const seen = target.requests.find(({ path }) => path === "/hang?f4");
  await until("the agent to drop the job", () => seen?.aborted);
  await cluster.restartOrchestrator();
  await cluster.untilAvailable(2, 15_000);
  assert.equal((await cluster.client.run({ url: `${target.origin}/status/200` })).statusCode, 200);
  assert.equal(target.requests.filter(({ path }) => path === "/hang?f4").length, 1);
});

test("an agent with a rejected key says so and exits 3", async () => {
  await using cluster = await startCluster({ agents: 0 });
  const agent = cluster.startAgent({ AGENT_KEY: "wrong-secret-0123456789" });
  assert.deepEqual(await agent.ended, { code: 3, signal: null });
  assert.match(agent.logs.text, /key/i);
  assert.doesNotMatch(agent.logs.text, /wrong-secret/);
});

for (const which of ["orchestrator", "agent"] as const) {
  test(`a second signal ends the ${which} at once, whatever runs`, async () => {
    await using cluster = await startCluster();
    const path = `/hang?twice-${which}`;
    cluster.client.post({ url: target.origin + path }).catch(() => undefined);
    await until("the job at the target", () => target.requests.some((seen) => seen.path === path));
    const program = which === "agent" ? cluster.agents[0] : cluster.orchestrator;
    assert.ok(program);
    program.kill("SIGTERM");
    await program.logs.waitFor(/shutting|stopping/i);
    // Copies of one signal that come close together are one wish.
    await until(`the ${which} to end`, () => {
      program.kill("SIGTERM");
      return !program.running;
    });
    assert.equal((await program.ended).code, 143);
  });
}
