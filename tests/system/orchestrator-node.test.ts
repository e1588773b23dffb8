/** An orchestrator's start and end inside this process: what it refuses, what it leaves behind. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { get } from "node:http";
import { createConnection, createServer } from "node:net";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { test, type TestContext } from "node:test";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { createKey, revokeKey } from "porchlight/accounts/keys";
import { readConfig, type OrchestratorConfig } from "porchlight/config";
import { selfSigned } from "porchlight/certificate-fixture";
import { startNode, type NodeOptions } from "porchlight/node";
import type { StartError } from "porchlight/start-error";
import { memoryState } from "porchlight/state/memory-state";
import { silentLogger } from "@porchlight/runtime/logger";
import { listenOnLoopback } from "@porchlight/testkit/listen";
import { connectJsonAgent } from "@porchlight/testkit/json-agent";
import { temporaryFolder } from "@porchlight/testkit/temporary-folder";
import { until } from "@porchlight/testkit/until";

const KEYS = {
  ORCH_AGENT_KEYS: "home:agent-secret-0123456789",
  ORCH_CLIENT_KEYS: "shop:client-secret-0123456789",
};

function configOf(env: Record<string, string> = KEYS): OrchestratorConfig {
  const reading = readConfig({
    env: {
      ORCH_LISTEN: "127.0.0.1:0",
      ORCH_PROXY_LISTEN: "127.0.0.1:0",
      ORCH_DRAIN_MS: "200",
      ...env,
    },
    argv: [],
  });
  assert.ok(reading.kind === "values", JSON.stringify(reading));
  return reading.values;
}

/** A memory store that tells whether it was closed. */
function watchedState() {
  let closed = 0;
  const state = memoryState();
  return { ...state, close: () => void closed++, closed: () => closed };
}

async function start(env?: Record<string, string>, options: Partial<NodeOptions> = {}) {
  return await startNode(configOf(env), {
    logger: silentLogger(),
    state: memoryState(),
    ...options,
  });
}

/** Checks that starting fails so, and that the store was closed again. */
async function assertRefused(
  env: Record<string, string>,
  exitCode: 1 | 2,
  message: RegExp,
): Promise<void> {
  const state = watchedState();
  await assert.rejects(start(env, { state }), (error: StartError) => {
    assert.equal(error.exitCode, exitCode);
    assert.match(error.message, message);
    return true;
  });
  assert.equal(state.closed(), 1);
}

/** A node with one agent of one slot; `post` sends a job to it. */
async function startWithAgent(drainMs: number) {
  const config = { ...KEYS, ORCH_DRAIN_MS: String(drainMs), ORCH_QUEUE_WAIT_MS: "60000" };
  const node = await start(config);
  const { url } = node.apiAddress;
  const agent = await connectJsonAgent({
    url: url.replace("http", "ws"),
    key: "agent-secret-0123456789",
    hello: { name: "attic", maxConcurrency: 1 },
  });
  await until("the agent", () => node.registry.records.length === 1);
  const call = async (path: string, init?: RequestInit) => {
    const answer = await fetch(url + path, {
      ...init,
      headers: {
        authorization: "Bearer client-secret-0123456789",
        "content-type": "application/json",
        connection: "close",
      },
    });
    return {
      status: answer.status,
      body: (await answer.json()) as { readonly code?: string; readonly body?: string },
    };
  };
  const post = () =>
    call("/v1/request", { method: "POST", body: JSON.stringify({ url: "http://example.com/" }) });
  return { node, agent, call, post };
}

/** Handles of this process that keep it alive, by kind. */
function handles(): string[] {
  return process
    .getActiveResourcesInfo()
    .filter((kind) => kind !== "TTYWrap" && kind !== "PipeWrap")
    .toSorted();
}

async function certificateFiles(t: TestContext) {
  const folder = await temporaryFolder();
  t.after(() => folder[Symbol.asyncDispose]());
  const first = await selfSigned("first.test");
  const env = {
    ...KEYS,
    ORCH_TLS_CERT: await folder.write("cert.pem", first.cert),
    ORCH_TLS_KEY: await folder.write("key.pem", first.key),
  };
  const replace = async (name: string) => {
    const next = await selfSigned(name);
    await writeFile(env.ORCH_TLS_CERT, next.cert);
    await writeFile(env.ORCH_TLS_KEY, next.key);
  };
  return { env, replace };
}

async function handshake(port: number): Promise<TLSSocket> {
  const socket = connectTls({ host: "127.0.0.1", port, rejectUnauthorized: false });
  await once(socket, "secureConnect");
  return socket;
}

test("startNode: refuses to start without a key for agents and clients, naming both", async () => {
  await assertRefused(
    {},
    2,
    /No agent key: .*ORCH_AGENT_KEYS.*\n.*No client key: .*keys create --role client/,
  );
  const { ORCH_CLIENT_KEYS } = KEYS;
  await assertRefused({ ORCH_CLIENT_KEYS }, 2, /^(?!.*No client).*No agent key/s);
  await using node = await start({}, { keysOptional: true });
  assert.ok(node.apiAddress.port > 0);
});

test("startNode: an address that is taken is one clear line", async () => {
  const taken = createServer();
  const port = await listenOnLoopback(taken);
  const env = { ...KEYS, ORCH_LISTEN: `127.0.0.1:${port}`, ORCH_PROXY_LISTEN: "off" };
  await assertRefused(
    env,
    1,
    /^Could not listen on 127\.0\.0\.1:\d+: another program listens there$/,
  );
  taken.close();
});

test("startNode: a certificate that cannot be used is one clear line", async (t) => {
  const { env } = await certificateFiles(t);
  await writeFile(env.ORCH_TLS_CERT, "no certificate");
  await assertRefused(
    env,
    2,
    /^Could not use the certificate \S+cert\.pem with the key \S+key\.pem: [^\n]+$/,
  );
});

test("startNode: certificate and databases that cannot be used are a line each", async (t) => {
  const { env } = await certificateFiles(t);
  await writeFile(env.ORCH_TLS_CERT, "no certificate");
  const none = `${env.ORCH_TLS_CERT}.none`;
  await assertRefused(
    { ...env, ORCH_GEOIP_DB: none, ORCH_ASN_DB: none },
    2,
    /^Could not use the certificate .+\nCould not use ORCH_GEOIP_DB, .+\nCould not use ORCH_ASN_DB, .+$/,
  );
});

test("startNode: a store that cannot be opened is one clear line", async () => {
  const config = configOf({ ...KEYS, ORCH_DATA_DIR: "/dev/null/store" });
  await assert.rejects(startNode(config, { logger: silentLogger() }), {
    exitCode: 1,
    message: /^Could not open the store \/dev\/null\/store\S*: /,
  });
});

test("close: nothing is left behind, called once or twice", async () => {
  const before = handles();
  const state = watchedState();
  const node = await start(KEYS, { state });
  const [answer] = (await once(get(node.apiAddress.url, { agent: false }), "response")) as [
    Readable,
  ];
  await text(answer);
  await Promise.all([node.close(), node.close()]);
  assert.equal(state.closed(), 1);
  await until("no handles", () => handles().length <= before.length);
});

test("faults F3: close lets running work finish, refuses what waits, and is not ready meanwhile", async () => {
  const { node, agent, call, post } = await startWithAgent(10_000);
  const running = post();
  const { jobId } = await agent.untilJob();
  const waiting = post();
  await until("a job in the line", () => node.waitingLine.length === 1);
  const closed = node.close();
  assert.equal((await waiting).body.code, "shutting_down");
  assert.equal((await call("/readyz")).status, 503);
  assert.equal((await call("/healthz")).status, 200);
  assert.equal((await post()).body.code, "shutting_down");
  await agent.untilMessage("drain");
  agent.answer(jobId, "done");
  const { status, body } = await running;
  assert.equal(status, 200);
  assert.equal(Buffer.from(body.body ?? "", "base64").toString(), "done");
  await closed;
  assert.equal((await agent.socket.untilEnd()).code, 1001);
});

test("faults F3: close cuts off work that is not done within the grace", async () => {
  const { node, agent, post } = await startWithAgent(50);
  const running = post();
  await agent.untilJob();
  await node.close();
  assert.deepEqual((await running).body.code, "shutting_down");
});

test("close: a connection that does nothing does not hold it up for long", async () => {
  const node = await start();
  const socket = createConnection(node.apiAddress.port, "127.0.0.1");
  await once(socket, "connect");
  const closed = once(socket, "close");
  await node.close();
  await closed;
});

test("TLS: 1.3 with AES-128-GCM; a replaced certificate serves new connections", async (t) => {
  const { env, replace } = await certificateFiles(t);
  await using node = await start(env);
  assert.match(node.apiAddress.url, /^https:/);
  const before = await handshake(node.apiAddress.port);
  assert.equal(before.getProtocol(), "TLSv1.3");
  assert.equal(before.getCipher().name, "TLS_AES_128_GCM_SHA256");
  assert.equal(before.getPeerCertificate().subject.CN, "first.test");
  await replace("second.test");
  await until(
    "the new certificate",
    async () => {
      const socket = await handshake(node.apiAddress.port);
      const { CN } = socket.getPeerCertificate().subject;
      socket.destroy();
      return CN === "second.test";
    },
    10_000,
  );
  assert.ok(!before.destroyed, "what was connected stays");
  before.destroy();
});

test("faults G13: a key revoked in the store closes its link with 4403 within 5 s", async () => {
  const state = memoryState();
  const { secret } = await createKey(state.keys, {
    name: "attic",
    role: "agent",
    nowMs: Date.now(),
  });
  await using node = await start(KEYS, { state });
  const url = `${node.apiAddress.url.replace("http", "ws")}/agent`;
  using agent = await connectJsonAgent({ url, key: secret });
  await until("the agent", () => node.registry.records.length === 1);
  await revokeKey(state.keys, "attic", Date.now());
  assert.equal((await agent.socket.untilEnd()).code, 4403);
  await until("its end", () => node.registry.records.length === 0);
});
