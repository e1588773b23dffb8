import assert from "node:assert/strict";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createLogger } from "@porchlight/runtime/logger";
import { type Frame, abortNumber, frameJson } from "@porchlight/testkit/frame-socket";
import {
  type ScriptedOrchestrator,
  startScriptedOrchestrator,
} from "@porchlight/testkit/scripted-orchestrator";
import { until } from "@porchlight/testkit/until";
import { type RunningAgent, startAgent } from "./agent.ts";
import { readConfig } from "./config.ts";
import { startTarget } from "./fake-stream.ts";

/** Numbers of codes on the wire. */
const WIRE = { overloaded: 41, shuttingDown: 42 };

/** The code of an ABORT frame, without the bit that says that nothing was sent. */
function codeIn(abort: Frame): number {
  return abortNumber(abort);
}

interface Scene {
  readonly agent: RunningAgent;
  readonly folder: string;
  readonly log: string[];
}

async function start(
  t: TestContext,
  orchestrator: ScriptedOrchestrator,
  env: Record<string, string> = {},
): Promise<Scene> {
  const folder = await mkdtemp(join(tmpdir(), "agent-"));
  const reading = readConfig({
    env: {
      ORCH_WS: orchestrator.url,
      AGENT_KEY: "agent-secret",
      AGENT_NAME: "home",
      AGENT_DATA_DIR: folder,
      AGENT_TARGET_PORTS: "*",
      AGENT_TARGET_ALLOW: "127.0.0.0/8",
      ...env,
    },
    argv: [],
  });
  if (reading.kind !== "values") assert.fail(JSON.stringify(reading));
  const log: string[] = [];
  const destination = { write: (line: string) => log.push(line) };
  const logger = createLogger({ name: "agent", level: "info", pretty: false, destination });
  const agent = startAgent(reading.values, logger);
  t.after(async () => {
    await agent.close();
    await rm(folder, { recursive: true, force: true });
  });
  return { agent, folder, log };
}

function http(url: string) {
  return {
    kind: "http",
    jobId: "job_7",
    requestId: "req_8",
    account: "shop",
    method: "GET",
    url,
    headers: ["X-Secret", "hidden-header"],
    bodyBytes: 0,
    timeoutMs: 5_000,
    followRedirects: true,
    maxRedirects: 5,
  };
}

test("startAgent: a job is done, logged as a sentence with ids, and entered in the ledger; its path nowhere", async (t) => {
  await using target = await startTarget((socket) =>
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret"),
  );
  await using orchestrator = await startScriptedOrchestrator();
  const { agent, folder, log } = await start(t, orchestrator);
  const link = await orchestrator.untilLink();
  link.open(1, http(`${target.origin}/hidden-path?hidden-query`));
  link.data(1, "", true);
  await until("the log", () => log.some((line) => line.includes("answered 200")));
  await agent.close();
  const line = JSON.parse(log.find((each) => each.includes("answered 200")) ?? "") as Record<
    string,
    unknown
  >;
  const { jobId, requestId, method, host, status, outcome } = line;
  assert.deepEqual(
    { jobId, requestId, method, host, status, outcome },
    {
      jobId: "job_7",
      requestId: "req_8",
      method: "GET",
      host: `127.0.0.1:${target.port}`,
      status: 200,
      outcome: "completed",
    },
  );
  const [file = ""] = await readdir(join(folder, "ledger"));
  const ledger = await readFile(join(folder, "ledger", file), "utf8");
  const entry = JSON.parse(ledger) as Record<string, unknown>;
  assert.equal(entry["host"], `127.0.0.1:${target.port}`);
  assert.equal(entry["receivedBytes"], 44);
  assert.doesNotMatch(log.join("") + ledger, /hidden|agent-secret/);
});

test("startAgent: the ledger names the hosts that redirects led to", async (t) => {
  await using second = await startTarget((socket) =>
    socket.write("HTTP/1.1 204 No Content\r\n\r\n"),
  );
  await using first = await startTarget((socket) =>
    socket.write(
      `HTTP/1.1 302 Found\r\nLocation: ${second.origin}/hidden-path\r\nContent-Length: 0\r\n\r\n`,
    ),
  );
  await using orchestrator = await startScriptedOrchestrator();
  const { agent, folder, log } = await start(t, orchestrator);
  const link = await orchestrator.untilLink();
  link.open(1, http(first.origin));
  link.data(1, "", true);
  await until("the log", () => log.some((line) => line.includes("answered 204")));
  await agent.close();
  const [file = ""] = await readdir(join(folder, "ledger"));
  const entry: unknown = JSON.parse(await readFile(join(folder, "ledger", file), "utf8"));
  const { host, redirectHosts } = entry as Record<string, unknown>;
  assert.deepEqual(
    [host, redirectHosts],
    [`127.0.0.1:${first.port}`, [`127.0.0.1:${second.port}`]],
  );
});

test("startAgent: what is open to the home network is said at every start", async (t) => {
  await using orchestrator = await startScriptedOrchestrator();
  const { log } = await start(t, orchestrator);
  assert.equal(log.filter((line) => line.includes("AGENT_TARGET_ALLOW")).length, 1);
  const careful = await start(t, orchestrator, { AGENT_TARGET_ALLOW: "" });
  assert.equal(
    careful.log.some((line) => line.includes("AGENT_TARGET_ALLOW")),
    false,
  );
});

test("startAgent: more streams than AGENT_MAX_CONCURRENCY are refused with overloaded", async (t) => {
  await using target = await startTarget(() => undefined);
  await using orchestrator = await startScriptedOrchestrator();
  await start(t, orchestrator, { AGENT_MAX_CONCURRENCY: "2" });
  const link = await orchestrator.untilLink();
  for (const id of [1, 2, 3]) link.open(id, { ...http(target.origin), jobId: `job_${id}` });
  const abort = await link.untilFrame("abort");
  assert.deepEqual([abort.streamId, codeIn(abort)], [3, WIRE.overloaded]);
  link.abort(1, 2, "Cancelled");
  link.open(4, http(target.origin));
  await until("two connections", () => target.sockets.length === 3);
  assert.equal(link.received("abort").length, 1);
  link.abort(2, 2, "Cancelled");
  link.abort(4, 2, "Cancelled");
});

test("startAgent: outside AGENT_HOURS the hello says so and work is refused", async (t) => {
  await using orchestrator = await startScriptedOrchestrator();
  const hour = (new Date().getHours() + 12) % 24;
  const two = (value: number): string => String(value).padStart(2, "0");
  const hours = `${two(hour)}:00-${two((hour + 1) % 24)}:00`;
  await start(t, orchestrator, { AGENT_HOURS: hours });
  const link = await orchestrator.untilLink();
  const [hello] = link.received("hello");
  assert.ok(hello);
  const said = frameJson(hello) as { paused: string; policy: Record<string, unknown> };
  assert.match(said.paused, /Takes work only at/);
  assert.equal(said.policy["hours"], hours);
  link.open(1, http("http://a.example/"));
  assert.equal(codeIn(await link.untilFrame("abort")), WIRE.overloaded);
});

test("startAgent: the month's cap ends a tunnel that goes over it, and the orchestrator is told", async (t) => {
  await using target = await startTarget((socket) => socket.write(Buffer.alloc(50_000)));
  await using orchestrator = await startScriptedOrchestrator();
  await start(t, orchestrator, { AGENT_MONTHLY_CAP_GB: "0.00001" });
  const link = await orchestrator.untilLink();
  link.open(1, { kind: "tcp", jobId: "job_1", host: "127.0.0.1", port: target.port });
  link.data(1, "go");
  assert.equal(codeIn(await link.untilFrame("abort")), WIRE.overloaded);
  assert.match(
    (frameJson(await link.untilFrame("status")) as { paused: string }).paused,
    /used up/,
  );
});

test("startAgent: a rejected key ends it with exit code 3", async (t) => {
  await using orchestrator = await startScriptedOrchestrator({ refuseWith: 401 });
  const { agent, log } = await start(t, orchestrator);
  assert.equal(await agent.ended, 3);
  assert.ok(log.some((line) => line.includes("rejects the key")));
});

test("startAgent: closed, it says goodbye, finishes what runs, takes nothing new, and ends with 0", async (t) => {
  await using target = await startTarget(() => undefined);
  await using orchestrator = await startScriptedOrchestrator();
  const { agent } = await start(t, orchestrator);
  const link = await orchestrator.untilLink();
  link.open(1, http(target.origin));
  link.data(1, "", true);
  await until("the request", () => target.requests[0]?.includes("GET"));
  const closed = agent.close();
  await link.untilFrame("drain");
  link.open(2, http(target.origin));
  assert.equal(codeIn(await link.untilFrame("abort")), WIRE.shuttingDown);
  target.sockets[0]?.write("HTTP/1.1 204 No Content\r\n\r\n");
  await closed;
  assert.equal(await agent.ended, 0);
  assert.equal(link.received("head", 1).length, 1);
  assert.equal((await link.socket.untilEnd()).code, 1000);
});

test("startAgent: closed before it ever connected, it ends at once", async (t) => {
  await using orchestrator = await startScriptedOrchestrator({ refuseWith: 503 });
  const { agent } = await start(t, orchestrator);
  await agent.close();
  assert.equal(await agent.ended, 0);
});
