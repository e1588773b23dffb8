/** Real agents against an orchestrator that a test plays by hand: what the agent holds by itself. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { join } from "node:path";
import { ERRORS, type ErrorCode } from "@porchlight/protocol/errors";
import { FRAME, LAST_DATA } from "@porchlight/protocol/frame";
import {
  abortNumber,
  frameJson,
  rawFrame,
  type Frame,
  type FrameSocket,
} from "@porchlight/testkit/frame-socket";
import { Program } from "@porchlight/testkit/program";
import {
  startScriptedOrchestrator,
  type ScriptedOrchestrator,
} from "@porchlight/testkit/scripted-orchestrator";
import { startTarget } from "@porchlight/testkit/target-server";
import { temporaryFolder } from "@porchlight/testkit/temporary-folder";
import { until } from "@porchlight/testkit/until";

const AGENT_MAIN = join(import.meta.dirname, "../../packages/agent/src/main.ts");

const folder = await temporaryFolder();
/** Where the agent may go. */
const target = await startTarget({ host: "127.0.0.2" });
/** What the home network must never see a packet of. */
const home = await startTarget();
after(async () => {
  await target[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

function startAgent(orchestrator: ScriptedOrchestrator): Program {
  return new Program({
    name: "agent",
    args: [AGENT_MAIN],
    env: {
      ORCH_WS: orchestrator.url,
      AGENT_KEY: "agent-secret-0123456789",
      AGENT_NAME: "alone",
      AGENT_TARGET_PORTS: "*",
      AGENT_TARGET_ALLOW: "127.0.0.2/32",
      AGENT_DATA_DIR: folder.path,
    },
  });
}

function job(url: string, fields: object = {}): object {
  return {
    kind: "http",
    jobId: "job_scripted",
    account: "somebody",
    method: "GET",
    url,
    headers: [],
    bodyBytes: 0,
    timeoutMs: 5_000,
    followRedirects: true,
    maxRedirects: 5,
    ...fields,
  };
}

/** Waits for the end of a stream by the agent's ABORT, and asserts its code. */
async function assertAborted(link: FrameSocket, streamId: number, code: ErrorCode): Promise<void> {
  const what = `the end of stream ${streamId}`;
  const frame = await until(what, () => link.received("abort", streamId)[0]);
  assert.equal(abortNumber(frame), ERRORS[code].wire);
}

test("what a job or tunnel asks for is judged by the agent itself", async (context) => {
  await using orchestrator = await startScriptedOrchestrator();
  await using agent = startAgent(orchestrator);
  const link = await orchestrator.untilLink(1, 10_000);
  let streamId = 0;

  await context.test("faults G17: no job and no tunnel into the home network", async () => {
    link.open(1, job(`${home.origin}/echo`));
    link.open(2, { kind: "tcp", jobId: "job_tcp", host: "127.0.0.1", port: home.port });
    link.open(3, { kind: "tcp", jobId: "job_tcp", host: "localhost", port: home.port });
    link.open(4, { kind: "tcp", jobId: "job_tcp", host: "::ffff:127.0.0.1", port: home.port });
    link.open(5, job(`${target.origin}/redirect/302?to=${home.origin}/echo`));
    for (streamId = 1; streamId <= 5; streamId++) {
      await assertAborted(link, streamId, "target_forbidden");
    }
    assert.deepEqual(link.received("head"), []);
    assert.equal(home.connections, 0);
  });

  await context.test("faults F12: an endless body is cut at the cap", async () => {
    link.open(++streamId, job(`${target.origin}/endless`, { maxResponseBytes: 100_000 }));
    await assertAborted(link, streamId, "response_too_large");
    await until("the target to be left", () => target.openConnections === 0);
  });

  await context.test("faults F11: a silent target ends at the job's deadline", async () => {
    link.open(++streamId, job(`${target.origin}/hang`, { timeoutMs: 300 }));
    await assertAborted(link, streamId, "target_timeout");
  });

  await context.test("faults F10: without credit no more than the window is sent", async () => {
    const windowBytes = 65_536;
    link.open(++streamId, job(`${target.origin}/endless`), windowBytes);
    const received = (): number =>
      link.received("data", streamId).reduce((sum, { payload }) => sum + payload.length, 0);
    await until("the window to be filled", () => received() === windowBytes);
    // Long enough for more to come: another job from beginning to end.
    const other = streamId + 1;
    link.open(other, job(`${target.origin}/bytes/500000`));
    const isLast = ({ type, streamId: id }: Frame): boolean => id === other && type === LAST_DATA;
    await until("another job", () => link.frames.some(isLast));
    assert.equal(received(), windowBytes);
    link.credit(streamId, 10_000);
    await until("what was granted", () => received() === windowBytes + 10_000);
    link.abort(streamId, ERRORS.cancelled.wire, "enough");
    streamId = other;
    // The other job's connection waits for the next one.
    await until("the target to be left", () => target.openConnections === 1, 1_000);
  });

  await context.test("a job without a good URL, method or header is refused", async () => {
    const evil: readonly (readonly [object, ErrorCode])[] = [
      [job("file:///etc/passwd"), "invalid_url"],
      [job("http://user:pass@127.0.0.2/"), "invalid_url"],
      [job(`${target.origin}/`, { method: "GET\r\nX: y" }), "invalid_request"],
      [job(`${target.origin}/`, { method: "CONNECT" }), "invalid_request"],
      [job(`${target.origin}/`, { headers: ["x", "a\r\nb: c"] }), "invalid_header"],
      [job(`${target.origin}/`, { headers: ["transfer-encoding", "chunked"] }), "invalid_header"],
      [job(`${target.origin}/`, { headers: ["content-length", "5"] }), "invalid_header"],
    ];
    for (const [open, code] of evil) {
      link.open(++streamId, open);
      await assertAborted(link, streamId, code);
    }
    assert.equal(
      target.requests.some(({ method }) => method !== "GET"),
      false,
    );
    assert.equal(link.socket.end, undefined);
    assert.equal(agent.running, true);
  });
});

test("faults G2: an agent that is told its version is not spoken says so and does not spin", async () => {
  await using orchestrator = await startScriptedOrchestrator({ welcome: false });
  await using agent = startAgent(orchestrator);
  const link = await orchestrator.untilLink(1, 10_000);
  link.socket.ws.close(4400, "This orchestrator speaks version 7");
  await agent.logs.waitFor(/This orchestrator speaks version 7\. Trying again in 600 s/);
  assert.equal(orchestrator.upgrades.length, 1);
  assert.equal(agent.running, true);
});

test("faults G12: an agent that was replaced says so and does not fight", async () => {
  await using orchestrator = await startScriptedOrchestrator();
  await using agent = startAgent(orchestrator);
  const link = await orchestrator.untilLink(1, 10_000);
  link.socket.ws.close(4409, "Replaced");
  await agent.logs.waitFor(/another program .* trying again in (?:5[4-9]|6[0-6]) s/i);
  assert.equal(orchestrator.upgrades.length, 1);
});

test("an orchestrator that breaks the protocol loses that link, and the agent comes back", async () => {
  await using orchestrator = await startScriptedOrchestrator();
  await using agent = startAgent(orchestrator);
  const link = await orchestrator.untilLink(1, 10_000);
  link.raw(rawFrame({ type: FRAME.head, streamId: 1, payload: Buffer.from("{}") }));
  assert.equal((await link.socket.untilEnd()).code, 4400);
  await orchestrator.untilLink(2, 15_000);
  assert.equal(agent.running, true);
});

test("an orchestrator that answers 401 or 403 ends the agent with exit code 3, 503 does not", async () => {
  for (const status of [401, 403]) {
    await using orchestrator = await startScriptedOrchestrator({ refuseWith: status });
    await using agent = startAgent(orchestrator);
    assert.equal((await agent.ended).code, 3);
    assert.equal(orchestrator.upgrades.length, 1);
  }
  await using orchestrator = await startScriptedOrchestrator({ refuseWith: 503 });
  await using agent = startAgent(orchestrator);
  await until("a first try", () => orchestrator.upgrades.length > 0, 10_000);
  await agent.logs.waitFor(/reconnecting/i);
  assert.equal(agent.running, true);
});

test("the key is sent in a header, and never in the address", async () => {
  await using orchestrator = await startScriptedOrchestrator();
  await using _agent = startAgent(orchestrator);
  const link = await orchestrator.untilLink(1, 10_000);
  const [upgrade] = orchestrator.upgrades;
  assert.equal(upgrade?.headers.authorization, "Bearer agent-secret-0123456789");
  assert.equal(upgrade.url, "/agent");
  const [hello] = link.received("hello");
  assert.ok(hello);
  assert.doesNotMatch(JSON.stringify(frameJson(hello)), /secret/);
});
