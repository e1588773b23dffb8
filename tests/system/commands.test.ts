import assert from "node:assert/strict";
import { join } from "node:path";
import { after, test } from "node:test";
import { KEYS, startCluster } from "@porchlight/testkit/cluster";
import { connectHead } from "@porchlight/testkit/proxy-client";
import { Program } from "@porchlight/testkit/program";
import { openRaw } from "@porchlight/testkit/raw-http";
import { startTarget } from "@porchlight/testkit/target-server";
import { until } from "@porchlight/testkit/until";

const MAIN = join(import.meta.dirname, "../../packages/orchestrator/src/main.ts");

const cluster = await startCluster();
const target = await startTarget();
after(async () => {
  await target[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

interface CommandRun {
  readonly code: number | null;
  readonly text: string;
}

/** Runs `porchlight …` against the cluster's store and API. */
async function porchlight(...args: string[]): Promise<CommandRun> {
  await using command = new Program({
    name: `porchlight ${args[0] ?? ""}`,
    args: [MAIN, ...args],
    env: {
      ORCH_DATA_DIR: cluster.folder.path,
      PORCHLIGHT_URL: cluster.origin,
      PORCHLIGHT_KEY: KEYS.client,
    },
  });
  const { code } = await command.ended;
  return { code, text: command.logs.text };
}

test("faults G13: a key made while the orchestrator runs works, and its link closes within 5 s of the revocation", async () => {
  const created = await porchlight(
    "keys",
    "create",
    "--role",
    "agent",
    "--name",
    "attic",
    "--json",
  );
  assert.equal(created.code, 0, created.text);
  const { id, key } = JSON.parse(created.text) as { readonly id: string; readonly key: string };
  const agent = cluster.startAgent({ AGENT_KEY: key, AGENT_NAME: "attic" });
  await cluster.untilAvailable(2);
  const running = cluster.client.fail({
    url: `${target.origin}/hang`,
    agent: "attic",
    maxRetries: 0,
  });
  await until("the job at the target", () => target.requests.length > 0);
  const revoked = await porchlight("keys", "revoke", id);
  assert.equal(revoked.code, 0, revoked.text);
  assert.equal((await running).code, "agent_revoked");
  assert.deepEqual(await agent.ended, { code: 3, signal: null });
  const list = await porchlight("keys", "list");
  assert.match(list.text, /attic/);
  assert.equal(list.text.includes(key), false);
});

test("a revoked client's key is refused, and what it has open in the proxy breaks instead of ending well", async () => {
  const created = await porchlight(
    "keys",
    "create",
    "--role",
    "client",
    "--name",
    "temp",
    "--json",
  );
  const { id, key } = JSON.parse(created.text) as { readonly id: string; readonly key: string };
  const call = { path: "/v1/agents" };
  await until("the new key to work", async () => (await cluster.as(key).call(call)).status === 200);
  using tunnel = await openRaw(cluster.proxyPort);
  tunnel.write(connectHead(`127.0.0.1:${target.port}`, key));
  await tunnel.untilText("\r\n\r\n");
  tunnel.write("GET /hang-body HTTP/1.0\r\n\r\n");
  await tunnel.untilText("0123456789");
  await porchlight("keys", "revoke", id);
  await until(
    "the key to be refused",
    async () => (await cluster.as(key).call(call)).status === 401,
    6_000,
  );
  assert.equal(await tunnel.untilEnd(), "error");
});

test("porchlight agents and porchlight request speak with the API", async () => {
  const agents = await porchlight("agents");
  assert.equal(agents.code, 0, agents.text);
  assert.match(agents.text, /agent-1/);
  const request = await porchlight("request", `${target.origin}/bytes/32`);
  assert.equal(request.code, 0, request.text);
  assert.match(request.text, /Porchlight test pattern/);
  const failed = await porchlight("request", `${target.origin}/garbage`);
  assert.equal(failed.code, 1);
  assert.match(failed.text, /target_protocol_error/);
});

test("wrong configuration: every fault at once, exit 2, nothing started", async () => {
  await using program = new Program({
    name: "orchestrator",
    args: [MAIN, "orchestrator"],
    env: { ORCH_LISTEN: "0.0.0.0:0", ORCH_HEARTBEAT_MS: "soon", ORCH_SELECTION: "psychic" },
    cwd: cluster.folder.path,
  });
  assert.equal((await program.ended).code, 2);
  for (const name of ["ORCH_LISTEN", "ORCH_HEARTBEAT_MS", "ORCH_SELECTION"]) {
    assert.ok(program.logs.text.includes(name), program.logs.text);
  }
});
