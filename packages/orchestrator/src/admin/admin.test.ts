import assert from "node:assert/strict";
import { test } from "node:test";
import { ProxyError } from "@porchlight/protocol/errors";
import { ApiClient, json } from "@porchlight/testkit/api-client";
import { authorise } from "../api/bearer.ts";
import { KEYS, startApi, type FakeRun } from "../api/test-fakes.ts";
import { CountedJobs } from "./counted-jobs.ts";
import { healthRoutes } from "./health-routes.ts";
import { metricsRoute } from "./metrics-route.ts";
import { NodeMetrics, type MetricSources } from "./metrics.ts";

const SOURCES: MetricSources = {
  agents: { records: [] },
  jobs: { inFlight: 3 },
  tunnels: { counts: { ended: { completed: 3 }, sentBytes: 7, receivedBytes: 9 }, inFlight: 2 },
  proxy: { connections: 4, refusals: [{ door: "http", code: "unauthenticated", count: 2 }] },
  waiting: { length: 1 },
  connections: { open: 7 },
  affinities: { moves: 5, live: () => 6 },
  health: { open: () => ({ agents: 1, targets: 8 }) },
  linkCounters: () => ({ lateResults: 4 }),
};

function startAdmin(readiness = { ready: true }, metrics = new NodeMetrics(SOURCES)) {
  const requireAdmin = (authorization: string | undefined): void =>
    void authorise(KEYS, authorization, ["admin"]);
  return startApi({ plugins: [healthRoutes(readiness), metricsRoute({ metrics, requireAdmin })] });
}

test("GET /healthz and /readyz: ready until told otherwise, healthy all the time", async () => {
  const readiness = { ready: true };
  await using api = await startAdmin(readiness);
  const client = new ApiClient({ origin: api.origin });
  assert.equal((await client.call({ path: "/readyz" })).status, 200);
  readiness.ready = false;
  const answer = await client.call({ path: "/readyz" });
  assert.equal(answer.status, 503);
  assert.equal((json(answer) as { code: string }).code, "shutting_down");
  assert.deepEqual(json(await client.call({ path: "/healthz" })), { status: "ok" });
});

test("GET /metrics: open to this machine, not to what a proxy on it passes on", async () => {
  await using api = await startAdmin();
  const client = new ApiClient({ origin: api.origin });
  const answer = await client.call({ path: "/metrics" });
  assert.equal(answer.status, 200);
  assert.match(String(answer.headers["content-type"]), /^text\/plain; version=/);
  for (const [header, value] of [
    ["x-forwarded-for", "127.0.0.1"],
    ["forwarded", "for=127.0.0.1"],
  ] as const) {
    const call = { path: "/metrics", headers: { [header]: value } };
    assert.equal((await client.call(call)).status, 401);
    assert.equal((await client.withKey("client").call(call)).status, 403);
    assert.equal((await client.withKey("admin").call(call)).status, 200);
  }
});

test("NodeMetrics: what others keep is read when it is asked for", async () => {
  const text = await new NodeMetrics(SOURCES).text();
  for (const line of [
    "porchlight_jobs_in_flight 3",
    "porchlight_tunnels_in_flight 2",
    'porchlight_tunnels_total{code="completed"} 3',
    'porchlight_tunnel_bytes_total{direction="received"} 9',
    "porchlight_proxy_connections_open 4",
    'porchlight_proxy_refusals_total{door="http",code="unauthenticated"} 2',
    "porchlight_jobs_waiting 1",
    "porchlight_connections_open 7",
    'porchlight_agents{status="available"} 0',
    "porchlight_link_late_results_total 4",
    "porchlight_sessions 6",
    "porchlight_session_moves_total 5",
    'porchlight_breakers_open{kind="agent"} 1',
    'porchlight_breakers_open{kind="target"} 8',
  ]) {
    assert.ok(text.includes(`${line}\n`), line);
  }
  assert.match(text, /process_cpu_seconds_total/);
});

test("NodeMetrics: jobs by outcome, with bytes and duration", async () => {
  const metrics = new NodeMetrics(SOURCES);
  metrics.jobEnded(
    { status: "failed", error: new ProxyError("dns_failed", "x"), attempts: [] },
    20,
  );
  await using api = await startApi();
  api.jobs.onRun = (run: FakeRun) => run.begin().complete();
  const client = new ApiClient({ origin: api.origin, key: "client" });
  await client.run({ url: "http://example.com/", method: "POST", body: "12345" });
  metrics.jobEnded(await api.jobs.runs[0]!.outcome, 2_000);
  const text = await metrics.text();
  for (const line of [
    'porchlight_jobs_total{code="dns_failed"} 1',
    'porchlight_jobs_total{code="completed"} 1',
    'porchlight_job_bytes_total{direction="sent"} 5',
    'porchlight_job_duration_seconds_bucket{le="0.025"} 1',
    "porchlight_job_duration_seconds_sum 2.02",
  ]) {
    assert.ok(text.includes(`${line}\n`), line);
  }
});

test("CountedJobs: every outcome with its time", async () => {
  await using api = await startApi();
  let nowMs = 100;
  const ended: [string, number][] = [];
  const jobs = new CountedJobs(
    api.jobs,
    ({ status }, ms) => ended.push([status, ms]),
    () => nowMs,
  );
  const next = api.jobs.next();
  const sink = { committed: false, begin() {}, data() {}, reset() {} };
  const running = jobs.run({ id: "job_1" } as Parameters<typeof jobs.run>[0], sink);
  nowMs = 350;
  (await next).fail("agent_lost", "x");
  await running.outcome;
  assert.deepEqual(ended, [["failed", 250]]);
});

test("GET /openapi.json: says how readiness and metrics are refused", async () => {
  await using api = await startAdmin();
  const { paths } = json(
    await new ApiClient({ origin: api.origin }).call({ path: "/openapi.json" }),
  ) as { paths: Record<string, { get: { responses: Record<string, unknown> } }> };
  assert.deepEqual(Object.keys(paths["/readyz"]?.get.responses ?? {}), ["200", "503"]);
  assert.deepEqual(Object.keys(paths["/metrics"]?.get.responses ?? {}), ["200", "401", "403"]);
});
