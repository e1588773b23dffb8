import assert from "node:assert/strict";
import { after, test } from "node:test";
import { KEYS, startCluster } from "@porchlight/testkit/cluster";
import { connectJsonAgent } from "@porchlight/testkit/json-agent";
import { openRaw } from "@porchlight/testkit/raw-http";
import { startTarget } from "@porchlight/testkit/target-server";

/** Put into every input; must not come out anywhere but at the target. */
const CANARY = "canary7f3a9c";

const cluster = await startCluster({
  orchestrator: { ORCH_LOG_LEVEL: "debug" },
  agent: { AGENT_LOG_LEVEL: "debug" },
});
const target = await startTarget();
after(async () => {
  await target[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

const SECRET_JOB = {
  headers: { Authorization: `Bearer ${CANARY}`, Cookie: `session=${CANARY}`, "X-Api-Key": CANARY },
  body: CANARY,
  method: "POST",
} as const;

function assertNoCanary(what: string, text: string): void {
  const at = text.indexOf(CANARY);
  assert.equal(at, -1, `${what}: ${text.slice(Math.max(0, at - 200), at + 50)}`);
}

test("faults F27: a secret in a job never shows up in a log or an error", async () => {
  for (const path of ["/echo", "/garbage", "/cut/3", "/reset-before", "/hang", "/loop"]) {
    const url = `${target.origin}${path}?token=${CANARY}`;
    const answer = await cluster.client.post({ ...SECRET_JOB, url, timeoutMs: 400 });
    if (answer.status !== 200) assertNoCanary(`the answer for ${path}`, answer.body.toString());
  }
  const redirect = `${target.origin}/redirect/302?to=/${CANARY}`;
  await cluster.client.post({ ...SECRET_JOB, url: redirect });
  for (const problem of [
    await cluster.client.fail({
      ...SECRET_JOB,
      url: `http://user:${CANARY}@127.0.0.1:${target.port}/`,
    }),
    await cluster.client.fail({
      ...SECRET_JOB,
      url: `http://127.0.0.1:22/?token=${CANARY}`,
      timeoutMs: 400,
    }),
    await cluster.client.fail({ url: "http://x/", headers: { "X-Bad": `${CANARY}\r\n` } }),
    await cluster.client.fail({ url: "http://x/", bodyBase64: `*${CANARY}` }),
    await cluster.client.fail({ url: "http://x/", [CANARY.toUpperCase()]: CANARY }),
  ]) {
    assertNoCanary("a problem", problem.detail);
  }
  const metrics = await cluster.admin.call({ path: "/metrics" });
  assertNoCanary("the metrics", metrics.body.toString());
  assertNoCanary("the orchestrator's log", cluster.orchestrator.logs.text);
  assertNoCanary("the agent's log", cluster.agents[0]?.logs.text ?? "");
});

test("faults A20: keys never show up in a log, wherever they are put", async () => {
  using raw = await openRaw(cluster.port);
  raw.write(
    `GET /v1/agents?key=${KEYS.client} HTTP/1.1\r\nHost: x\r\n` +
      `Authorization: Bearer ${KEYS.client}\r\nUser-Agent: ${KEYS.admin}\r\n\r\n`,
  );
  await raw.untilText("HTTP/1.1 ");
  await cluster.as(`${KEYS.client}x`).call({ path: "/v1/agents" });
  await cluster.client.call({ path: `/${KEYS.client}` });
  await cluster.client.call({ path: "/v1/agents", headers: { "X-Request-Id": KEYS.client } });
  await assert.rejects(connectJsonAgent({ url: `${cluster.agentUrl}?key=${KEYS.client}` }));
  const agent = await connectJsonAgent({ url: `${cluster.agentUrl}?key=${KEYS.agent}` });
  agent[Symbol.dispose]();
  await cluster.client.run({ url: `${target.origin}/echo?k=${KEYS.client}`, tag: KEYS.client });
  for (const program of [cluster.orchestrator, ...cluster.agents]) {
    for (const [name, secret] of Object.entries(KEYS)) {
      assert.equal(
        program.logs.text.includes(secret),
        false,
        `${name} in the log of ${program.name}`,
      );
    }
  }
});

test("faults A19: every bad key gets the same answer", async () => {
  const call = {
    method: "POST",
    path: "/v1/request",
    body: "{}",
    headers: { "content-type": "application/json" },
  };
  const bodies = new Set<string>();
  for (const key of [undefined, "x", `${KEYS.client}x`, KEYS.client.slice(1), "plc_0000", " "]) {
    const answer = await cluster.as(key).call(call);
    assert.equal(answer.status, 401);
    const { requestId: _, ...problem } = JSON.parse(answer.body.toString()) as {
      requestId: string;
    };
    bodies.add(JSON.stringify(problem));
  }
  assert.equal(bodies.size, 1);
  assert.equal((await cluster.as(KEYS.agent).call(call)).status, 403);
  assert.equal((await cluster.admin.call(call)).status, 403);
});
