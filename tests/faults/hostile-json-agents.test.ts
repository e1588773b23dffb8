import assert from "node:assert/strict";
import { after, test } from "node:test";
import { startCluster } from "@porchlight/testkit/cluster";
import type { JsonAgent } from "@porchlight/testkit/json-agent";
import { until } from "@porchlight/testkit/until";

const URL = "http://127.0.0.1:9/";

const cluster = await startCluster({ agents: 0 });
after(async () => {
  assert.equal(cluster.orchestrator.running, true);
  await cluster[Symbol.asyncDispose]();
});

let lastName = 0;

async function join(maxConcurrency = 4): Promise<{ agent: JsonAgent; name: string }> {
  const name = `json-${++lastName}`;
  const agent = await cluster.jsonAgent({ hello: { name, version: "1", maxConcurrency } });
  await until(`${name} in the pool`, async () => {
    return (await cluster.client.agents()).find((each) => each.name === name);
  });
  return { agent, name };
}

test("a JSON agent without hello serves one job at a time", async () => {
  using _ = await cluster.jsonAgent({ onJob: (job, self) => self.answer(job.jobId, job.url) });
  await until("the nameless agent", async () => {
    return (await cluster.client.agents()).some(({ status }) => status === "available");
  });
  const [view] = await cluster.client.agents();
  assert.equal(view?.profile, "json");
  assert.equal(view.maxConcurrency, 1);
  const results = await Promise.all(
    [1, 2, 3].map((n) => cluster.client.run({ url: `${URL}${n}`, agent: view.id })),
  );
  assert.deepEqual(
    results.map(({ body }) => Buffer.from(body, "base64").toString()),
    [`${URL}1`, `${URL}2`, `${URL}3`],
  );
});

test("a JSON agent's error is passed on, with its code if it is one", async () => {
  const { agent, name } = await join();
  using _ = agent;
  const cases = [
    [{ error: { code: "dns_failed", message: "No such name" } }, "dns_failed"],
    [{ error: { code: "internal", message: "x" } }, /./],
    [{ error: "Something broke" }, /./],
  ] as const;
  for (const [index, [fields, code]] of cases.entries()) {
    const running = cluster.client.fail({ url: URL, agent: name, maxRetries: 0 });
    const { jobId } = await agent.untilJob(index + 1);
    agent.send({ type: "result", jobId, ...fields });
    assert.match((await running).code, new RegExp(code));
  }
});

test("faults G6: a result for another agent's job is not believed and ends the link", async () => {
  const victim = await join();
  const thief = await join();
  using _ = victim.agent;
  const running = cluster.client.run({ url: URL, agent: victim.name });
  const { jobId } = await victim.agent.untilJob();
  thief.agent.answer(jobId, "stolen");
  await thief.agent.socket.untilEnd();
  victim.agent.answer(jobId, "mine");
  assert.equal(Buffer.from((await running).body, "base64").toString(), "mine");
  await cluster.orchestrator.logs.waitFor(/another agent/i);
});

test("faults G6: a result for an unknown job is counted and harms nobody", async () => {
  const { agent, name } = await join();
  using _ = agent;
  agent.answer("job_nobodyknows", "x");
  const running = cluster.client.run({ url: URL, agent: name });
  agent.answer((await agent.untilJob()).jobId, "fine");
  assert.equal((await running).statusCode, 200);
});

test("faults G7: of two results the first wins", async () => {
  const { agent, name } = await join();
  using _ = agent;
  const running = cluster.client.run({ url: URL, agent: name });
  const { jobId } = await agent.untilJob();
  agent.answer(jobId, "first");
  agent.answer(jobId, "second");
  assert.equal(Buffer.from((await running).body, "base64").toString(), "first");
  const next = cluster.client.run({ url: URL, agent: name });
  agent.answer((await agent.untilJob(2)).jobId, "third");
  assert.equal(Buffer.from((await next).body, "base64").toString(), "third");
});

test("faults G8: a result after the job's deadline is dropped", async () => {
  const { agent, name } = await join();
  using _ = agent;
  const problem = await cluster.client.fail({ url: URL, agent: name, timeoutMs: 200 });
  assert.equal(problem.status, 504);
  const { jobId } = await agent.untilJob();
  const cancel = await agent.untilMessage("cancel");
  assert.equal(cancel.jobId, jobId);
  agent.answer(jobId, "late");
  const running = cluster.client.run({ url: URL, agent: name });
  agent.answer((await agent.untilJob(2)).jobId, "in time");
  assert.equal(Buffer.from((await running).body, "base64").toString(), "in time");
});

const BAD_RESULTS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "status 99": { statusCode: 99 },
  "status 1000": { statusCode: 1000 },
  "status as text": { statusCode: "200" },
  "no status": { statusCode: undefined },
  "a header value with CR LF": { headers: { "x-bad": "a\r\nset-cookie: evil=1" } },
  "a header name with a space": { headers: { "bad name": "x" } },
  "a body that is no Base64": { body: "***" },
  "a body that is no text": { body: 5 },
};

test("faults G9: results that break HTTP are agent_protocol_error and never forwarded", async () => {
  for (const [what, fields] of Object.entries(BAD_RESULTS)) {
    const { agent, name } = await join();
    using _ = agent;
    const running = cluster.client.fail({ url: URL, agent: name, maxRetries: 0 });
    const { jobId } = await agent.untilJob();
    agent.answer(jobId, "x", fields);
    const problem = await running;
    assert.equal(problem.code, "agent_protocol_error", what);
    assert.equal(problem.status, 502, what);
  }
});

test("faults G10: a body of another length than announced is response_truncated", async () => {
  for (const length of ["5", "50"]) {
    const { agent, name } = await join();
    using _ = agent;
    const running = cluster.client.fail({ url: URL, agent: name, maxRetries: 0 });
    const { jobId } = await agent.untilJob();
    agent.answer(jobId, "ten bytes!", { headers: { "content-length": length } });
    assert.equal((await running).code, "response_truncated", length);
  }
});

test("faults G3: what is no message of the profile closes that link alone", async () => {
  const { agent: good, name } = await join();
  using _ = good;
  for (const text of ["{", "[]", "null", '"x"', '{"type":1}', '{"type":"result"}', "\u0000"]) {
    const { agent } = await join();
    agent.socket.send(text);
    assert.equal((await agent.socket.untilEnd()).code, 4400, text);
  }
  const binary = await join();
  binary.agent.socket.send(Buffer.from("{}"));
  await binary.agent.socket.untilEnd();
  const running = cluster.client.run({ url: URL, agent: name });
  good.answer((await good.untilJob()).jobId);
  assert.equal((await running).statusCode, 200);
});

test("faults G5: a flood of small text messages ends with 4429", async () => {
  const { agent } = await join();
  const pong = JSON.stringify({ type: "pong", t: 1 });
  for (let sent = 0; sent < 100_000 && agent.socket.end === undefined; sent++)
    agent.socket.send(pong);
  assert.equal((await agent.socket.untilEnd(10_000)).code, 4429);
});

test("faults G14: a silent JSON agent is dead after two heartbeats and its job fails", async () => {
  await using quick = await startCluster({ agents: 0, orchestrator: { ORCH_HEARTBEAT_MS: "200" } });
  using agent = await quick.jsonAgent({ hello: { name: "mute" }, answersPings: false });
  await quick.untilAvailable(1);
  const running = quick.client.fail({ url: URL, maxRetries: 0 });
  await agent.untilJob();
  const startMs = performance.now();
  assert.equal((await running).code, "agent_lost");
  assert.ok(performance.now() - startMs < 1_400);
});

test("faults G14: a silent mux agent is dead after two heartbeats and its job fails", async () => {
  await using quick = await startCluster({ agents: 0, orchestrator: { ORCH_HEARTBEAT_MS: "200" } });
  using agent = await quick.muxAgent({ hello: { name: "mute" } });
  agent.answersPings = false;
  await quick.untilAvailable(1);
  const running = quick.client.fail({ url: URL, maxRetries: 0 });
  await agent.untilJob();
  const startMs = performance.now();
  assert.equal((await running).code, "agent_lost");
  assert.ok(performance.now() - startMs < 1_400);
});
