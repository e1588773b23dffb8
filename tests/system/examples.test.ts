/** The agents of examples/ against a real orchestrator. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { bodyText } from "@porchlight/testkit/api-client";
import { KEYS, startCluster, type Cluster } from "@porchlight/testkit/cluster";
import { Program } from "@porchlight/testkit/program";
import type { Echo } from "@porchlight/testkit/target-routes";
import { startTarget } from "@porchlight/testkit/target-server";
import { pythonWithWebsockets } from "../../scripts/system-tools.ts";

const EXAMPLES = new URL("../../examples/", import.meta.url);

interface Example {
  readonly file: string;
  readonly command: string;
}

function start(cluster: Cluster, { file, command }: Example): Program {
  return new Program({
    name: file,
    command,
    args: [fileURLToPath(new URL(file, EXAMPLES))],
    env: { ORCH_WS: cluster.agentUrl, AGENT_KEY: KEYS.agent },
  });
}

/** What a client sees of any agent: bodies both ways, repeated headers, redirects, failures. */
async function judge(example: Example): Promise<void> {
  await using cluster = await startCluster({ agents: 0 });
  await using target = await startTarget();
  await using _agent = start(cluster, example);
  await cluster.untilAvailable(1);

  const posted = await cluster.client.run({
    url: `${target.origin}/echo`,
    method: "POST",
    headers: { "x-test": "1" },
    body: "höme",
  });
  const echo = JSON.parse(bodyText(posted)) as Echo;
  assert.equal(Buffer.from(echo.body, "base64").toString(), "höme");
  assert.equal(echo.method, "POST");

  const missing = await cluster.client.run({ url: `${target.origin}/status/404` });
  assert.equal(missing.statusCode, 404);

  const cookies = await cluster.client.run({ url: `${target.origin}/repeats` });
  assert.deepEqual(cookies.headers["set-cookie"], ["a=1", "b=2"]);

  const followed = await cluster.client.run({ url: `${target.origin}/hops/2` });
  assert.equal(followed.statusCode, 200);
  const stopped = await cluster.client.run({
    url: `${target.origin}/hops/2`,
    followRedirects: false,
  });
  assert.equal(stopped.statusCode, 302);

  const failed = await cluster.client.fail({ url: "http://127.0.0.1:1/", maxRetries: 0 });
  assert.equal(failed.status, 502);
}

test("examples/agent.ts serves jobs", async () => {
  await judge({ file: "agent.ts", command: process.execPath });
});

const python = pythonWithWebsockets();
test(
  "examples/agent.py serves jobs",
  { skip: python === undefined && "no websockets" },
  async () => {
    await judge({ file: "agent.py", command: python ?? "" });
  },
);
