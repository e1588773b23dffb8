/** Which exit is chosen when some fail and some may not go yet, with real programs. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startCluster } from "@porchlight/testkit/cluster";
import { startTarget, type TargetServer } from "@porchlight/testkit/target-server";
import { until } from "@porchlight/testkit/until";

/** Two targets at two addresses: two domains. */
let shop: TargetServer;
let news: TargetServer;

before(async () => {
  [shop, news] = await Promise.all([startTarget(), startTarget({ host: "127.0.0.2" })]);
});

after(async () => {
  await shop[Symbol.asyncDispose]();
  await news[Symbol.asyncDispose]();
});

/** A path of either target. */
function at(target: TargetServer, path: string): string {
  return `http://${target === shop ? "127.0.0.1" : "127.0.0.2"}:${target.port}/${path}`;
}

test("an agent that keeps failing with a target is passed over there, and nowhere else", async () => {
  await using cluster = await startCluster();
  using failing = await cluster.jsonAgent({
    hello: { name: "failing", maxConcurrency: 8 },
    onJob: ({ jobId, url }, agent) => {
      if (url.startsWith(at(news, ""))) agent.answer(jobId, "news");
      else agent.send({ type: "result", jobId, error: { code: "dns_failed", message: "no" } });
    },
  });
  await cluster.untilAvailable(2);
  for (let turn = 0; turn < 16; turn++) {
    const { exit, statusCode } = await cluster.client.run({ url: at(shop, "echo") });
    assert.deepEqual([exit.name, statusCode], ["agent-1", 200]);
  }
  // Three failures; a fourth job is the probe after the cool-down, should this have taken so long.
  const asked = failing.jobs.length;
  assert.ok(asked === 3 || asked === 4, `${asked}`);
  assert.equal(await cluster.metric('breakers_open{kind="target"}'), 1);
  assert.equal(await cluster.metric('breakers_open{kind="agent"}'), 0);
  const names = new Set<string>();
  for (let turn = 0; turn < 4; turn++) {
    names.add((await cluster.client.run({ url: at(news, "echo") })).exit.name);
  }
  assert.deepEqual([...names].toSorted(), ["agent-1", "failing"]);
});

test("a target that fails everywhere is told as it is, however often it is asked", async () => {
  await using cluster = await startCluster({ agents: 2 });
  const gone = await startTarget();
  const url = `${gone.origin}/`;
  await gone[Symbol.asyncDispose]();
  for (let turn = 0; turn < 10; turn++) {
    const problem = await cluster.client.fail({ url });
    assert.equal(problem.code, "connection_refused");
  }
  assert.equal((await cluster.client.run({ url: at(news, "echo") })).statusCode, 200);
});

test("ORCH_PACE_PER_SECOND: one exit goes to one domain at even distances; others stand in", async () => {
  await using cluster = await startCluster({
    agents: 2,
    orchestrator: { ORCH_PACE_PER_SECOND: "0.1" },
  });
  const url = at(shop, "echo");
  const [one, two] = await Promise.all([cluster.client.run({ url }), cluster.client.run({ url })]);
  assert.notEqual(one.exit.name, two.exit.name);
  const problem = await cluster.client.fail({ url });
  assert.equal(problem.code, "no_agent_available");
  assert.equal(
    problem.detail,
    "All 2 matching agents are busy or paced: at most 0.1 requests per second through one exit to 127.0.0.1",
  );
  assert.equal((await cluster.client.run({ url: at(news, "echo") })).statusCode, 200);
});

test("ORCH_PACE_PER_SECOND: those who wait are woken in time", async () => {
  await using cluster = await startCluster({
    orchestrator: { ORCH_PACE_PER_SECOND: "4", ORCH_QUEUE_WAIT_MS: "10000" },
  });
  const startMs = performance.now();
  const jobs = Array.from({ length: 7 }, () => cluster.client.run({ url: at(shop, "echo") }));
  for (const result of await Promise.all(jobs)) assert.equal(result.statusCode, 200);
  // The first one goes at once; six more take a quarter of a second each.
  assert.ok(performance.now() - startMs >= 1_500);
});

test("ORCH_PACE_CONCURRENT: so many at a time to one domain, and as many as there is room for to others", async () => {
  await using cluster = await startCluster({
    orchestrator: { ORCH_PACE_CONCURRENT: "1", ORCH_QUEUE_WAIT_MS: "10000" },
  });
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  shop.route("held", ({ response }) => void released.then(() => response.end("done")));
  const held = cluster.client.run({ url: at(shop, "held") });
  await until("the first at the target", () => shop.requests.some(({ path }) => path === "/held"));
  const waiting = cluster.client.run({ url: at(shop, "echo?waiting") });
  await until("the second to wait", async () => {
    return (await cluster.metric("jobs_waiting")) === 1;
  });
  assert.equal((await cluster.client.run({ url: at(news, "echo") })).statusCode, 200);
  assert.ok(!shop.requests.some(({ path }) => path === "/echo?waiting"));
  release();
  for (const result of await Promise.all([held, waiting])) assert.equal(result.statusCode, 200);
});
