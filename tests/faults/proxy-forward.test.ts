/** Forwarded requests whose target, or agent, behaves badly. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { Problem } from "@porchlight/protocol/job";
import { startCluster, type Cluster } from "@porchlight/testkit/cluster";
import { NOT_HTTP } from "@porchlight/testkit/hostile-routes";
import { callThroughProxy, connectHead, forwardHead } from "@porchlight/testkit/proxy-client";
import { openRaw, type RawConnection } from "@porchlight/testkit/raw-http";
import { startStalledListener } from "@porchlight/testkit/stalled-listener";
import { bodyPattern } from "@porchlight/testkit/target-routes";
import { startTarget } from "@porchlight/testkit/target-server";
import { until } from "@porchlight/testkit/until";

/** Of a tunnel until it is open, and of a head until it is there. Milliseconds. */
const DEADLINE_MS = 2_000;

const cluster = await startCluster({
  orchestrator: { ORCH_JOB_TIMEOUT_MS: String(DEADLINE_MS) },
});
const target = await startTarget();
const stalled = await startStalledListener();
const [agent] = cluster.agents;
after(async () => {
  assert.equal(cluster.orchestrator.running, true);
  assert.equal(agent?.running, true);
  stalled[Symbol.dispose]();
  await target[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

const END = "\r\n\r\n";
const MIB = 1024 * 1024;

/** The one answer that a connection has got, which is ours: what it says in all the places it says it. */
async function problemOf(client: RawConnection): Promise<Problem> {
  const text = await client.untilText("}", 15_000);
  const problem = JSON.parse(text.slice(text.lastIndexOf(END) + END.length)) as Problem;
  assert.deepEqual(
    client.statuses.filter((status) => status >= 200),
    [problem.status],
    text,
  );
  assert.match(text, /^Content-Type: application\/problem\+json/im);
  assert.match(
    text,
    new RegExp(`^Proxy-Status: porchlight; error=[a-z_]+; details="${problem.code}"\r$`, "m"),
  );
  const failed = problem.attempts?.at(-1);
  assert.equal(failed?.error, failed && problem.code, "the attempt says why it failed");
  return problem;
}

/** Why a forwarded request fails. */
async function failure(url: string): Promise<Problem> {
  using client = await openRaw(cluster.proxyPort);
  client.write(forwardHead(url));
  // Not returned as a promise: the connection is needed until it has come.
  const problem = await problemOf(client);
  return problem;
}

async function failsWith(path: string, code: string, status: number): Promise<Problem> {
  const problem = await failure(target.origin + path).catch((cause: unknown) => {
    throw new Error(path, { cause });
  });
  assert.deepEqual([problem.code, problem.status], [code, status], path);
  return problem;
}

/** The client has the head, and then a connection that breaks instead of an end that looks like one. */
async function isCut(client: RawConnection, path: string): Promise<void> {
  assert.equal(await client.untilEnd(10_000), "error", path);
  // A reset may overtake the head on its way to the client's reader.
  if (client.statuses.length > 0) assert.deepEqual(client.statuses, [200], path);
  assert.doesNotMatch(client.text, /\r\n0\r\n\r\n$/, path);
}

test("faults F11: a target that sends no head, or drips it, is 504 at the deadline", async () => {
  const ends = ["/hang", "/drip-head/200"].map(async (path) => {
    const startMs = performance.now();
    const { attempts = [] } = await failsWith(path, "target_timeout", 504);
    const tookMs = performance.now() - startMs;
    assert.ok(tookMs > DEADLINE_MS / 2 && tookMs < 2 * DEADLINE_MS, `${path} took ${tookMs} ms`);
    const [{ ms } = { ms: 0 }] = attempts;
    assert.ok(ms > DEADLINE_MS / 2 && ms < tookMs, `the attempt to ${path} took ${ms} ms`);
  });
  await Promise.all(ends);
  await until("the target's connections to be closed", () => target.openConnections === 0);
});

test("faults F11: the deadline is for the head: a body that goes on slowly may take longer", async () => {
  using client = await openRaw(cluster.proxyPort);
  const startMs = performance.now();
  client.write(forwardHead(`${target.origin}/drip/100`));
  await until(
    "a byte behind the deadline",
    () => performance.now() - startMs > DEADLINE_MS * 1.5 && client.text.endsWith("."),
  );
  const soFar = client.received.length;
  await until("the body to go on", () => client.received.length > soFar);
});

test("faults F11: a body that stands still is cut when the tunnel has been idle for too long, a head is 504 before", async () => {
  await using idle = await startCluster({
    orchestrator: { ORCH_TUNNEL_IDLE_MS: "1000", ORCH_JOB_TIMEOUT_MS: "30000" },
  });
  using client = await openRaw(idle.proxyPort);
  client.write(forwardHead(`${target.origin}/hang-body`));
  using silent = await openRaw(idle.proxyPort);
  silent.write(forwardHead(`${target.origin}/hang`));
  await isCut(client, "/hang-body");
  assert.equal((await problemOf(silent)).code, "target_timeout");
});

test("faults F12: an endless body costs little memory, whether the client reads it or not", async () => {
  const programs = [cluster.orchestrator, ...cluster.agents];
  const before = programs.map(({ usage }) => usage.rssBytes);
  for (const path of ["/endless", "/endless-close"]) {
    using deaf = await openRaw(cluster.proxyPort);
    deaf.socket.pause();
    deaf.write(forwardHead(target.origin + path));
    using client = await openRaw(cluster.proxyPort);
    let bytes = 0;
    client.socket.removeAllListeners("data").on("data", (chunk: Buffer) => (bytes += chunk.length));
    client.write(forwardHead(target.origin + path));
    await until("200 MiB of it", () => bytes > 200 * MIB, 30_000);
    assert.equal(client.end, undefined, "a proxy has no cap for what it passes on");
  }
  for (const [index, { usage, name }] of programs.entries()) {
    const grown = usage.rssBytes - (before[index] ?? 0);
    assert.ok(grown < 150 * MIB, `${name} grew by ${grown} bytes`);
  }
  await until("the target's connections to be closed", () => target.openConnections === 0);
});

test("faults F13: a body shorter than announced is a broken connection, never a short success, and logged as the target's", async () => {
  const paths = ["/cut/7", "/cut/0", "/cut-chunked"];
  const logged = (): number =>
    cluster.orchestrator.logs.lines.filter(({ fields }) => fields["code"] === "response_truncated")
      .length;
  const before = logged();
  for (const path of paths) {
    using client = await openRaw(cluster.proxyPort);
    client.write(forwardHead(target.origin + path));
    await isCut(client, path);
  }
  await until("a line for each in the log", () => logged() === before + paths.length);
});

test("faults F13: two lengths that differ are a protocol error", async () => {
  await failsWith("/two-lengths", "target_protocol_error", 502);
});

test("faults F13: what a target says behind its answer reaches nobody, and no connection to it is used twice", async () => {
  for (const path of ["/unasked", "/unasked-together", "/unasked-later/30", "/longer"]) {
    using client = await openRaw(cluster.proxyPort);
    client.write(forwardHead(target.origin + path));
    await client.untilText("200 OK");
    const first = target.requests.at(-1)?.connection;
    client.write(forwardHead(`${target.origin}/status/201`));
    await client.untilText("201\n");
    assert.deepEqual(client.text.match(/HTTP\/1\.1 \d+/g), ["HTTP/1.1 200", "HTTP/1.1 201"], path);
    assert.doesNotMatch(client.text, /poison|!!/);
    assert.notEqual(target.requests.at(-1)?.connection, first);
  }
});

test("faults F14: what is no HTTP is a protocol error of the target, and the agent lives", async () => {
  const pid = agent?.pid;
  for (const path of NOT_HTTP) await failsWith(path, "target_protocol_error", 502);
  assert.equal(agent?.running, true);
  assert.equal(agent.pid, pid);
});

test("faults F14: content passes as it is, bombs and a thousand codings too", async () => {
  const bomb = await callThroughProxy(cluster, { url: `${target.origin}/bomb` });
  assert.equal(bomb.response.headers["content-encoding"], "gzip");
  assert.equal(String(bomb.body.length), bomb.response.headers["content-length"]);
  assert.ok(bomb.body.length < 100_000);
  const nested = await callThroughProxy(cluster, { url: `${target.origin}/many-gzip` });
  assert.equal(nested.response.headers["content-encoding"], Array(1000).fill("gzip").join(", "));
  assert.equal(String(nested.body), "x");
});

test("faults F15: a reset or an end before the head is 502, behind the head a broken connection", async () => {
  const seen = target.requests.length;
  await failsWith("/reset-before", "connection_reset", 502);
  await failsWith("/end-before", "connection_reset", 502);
  assert.equal(target.requests.length, seen + 2, "nothing that has been sent is sent again");
  using client = await openRaw(cluster.proxyPort);
  client.write(forwardHead(`${target.origin}/reset-after/7`));
  await isCut(client, "/reset-after/7");
  assert.match(client.text, /x{7}$/);
});

test("faults F1: an agent killed in mid-body breaks the client's connection, killed before the head it is 502", async () => {
  for (const path of ["/hang-body", "/endless", "/endless-close", "/hang"]) {
    await using lost = await startCluster();
    using client = await openRaw(lost.proxyPort);
    const seen = target.requests.length;
    client.write(forwardHead(target.origin + path));
    if (path !== "/hang") await client.untilText(END);
    await until("the request at the target", () => target.requests.length > seen);
    lost.agents[0]?.kill("SIGKILL");
    if (path !== "/hang") await isCut(client, path);
    else {
      const { code, status } = await problemOf(client);
      assert.deepEqual([code, status], ["agent_lost", 502]);
    }
  }
});

/** The answer to a request in one of the two forms, that never comes to a connection. */
const FORMS: Readonly<Record<string, (authority: string) => string>> = {
  CONNECT: connectHead,
  GET: (authority) => forwardHead(`http://${authority}/`),
};

for (const [form, head] of Object.entries(FORMS)) {
  test(`faults P20, ${form}: an unknown name and a refused connection are 502, a connect timeout is 504`, async () => {
    const closed = await startTarget();
    const { host } = new URL(closed.origin);
    await closed[Symbol.asyncDispose]();
    const expected = [
      ["nobody.invalid:80", 502, "dns_failed"],
      [host, 502, "connection_refused"],
      [`127.0.0.1:${stalled.port}`, 504, "connect_timeout"],
    ] as const;
    for (const [authority, status, code] of expected) {
      using client = await openRaw(cluster.proxyPort);
      client.write(head(authority));
      const problem = await problemOf(client);
      assert.deepEqual([problem.status, problem.code], [status, code]);
      assert.match(client.text, /^Porchlight-Job: job_/m);
    }
  });

  test(`faults P20, ${form}: with nobody to serve it it is 503, with Retry-After`, async () => {
    await using empty: Cluster = await startCluster({ agents: 0 });
    using client = await openRaw(empty.proxyPort);
    client.write(head(`127.0.0.1:${target.port}`));
    const { status, code } = await problemOf(client);
    assert.deepEqual([status, code], [503, "no_agent_available"]);
    assert.match(client.text, /^Retry-After: \d+\r$/m);
  });
}

test("faults P15: a client that ends its side behind its requests gets all answers in full, then the end", async () => {
  using client = await openRaw(cluster.proxyPort, { allowHalfOpen: true });
  const requests = ["/status/202", "/drip/1", `/bytes/${MIB}`].map((path) =>
    forwardHead(target.origin + path),
  );
  client.socket.end(requests.join(""));
  assert.equal(await client.untilEnd(10_000), "end");
  assert.deepEqual(client.statuses, [202, 200, 200]);
  assert.ok(client.received.subarray(-MIB).equals(bodyPattern(MIB)));
  await cluster.untilAvailable(1);
});

test("an error of the target's own passes as it is, and nothing says that it is ours", async () => {
  for (const status of [400, 404, 429, 500, 502, 503, 504]) {
    using client = await openRaw(cluster.proxyPort);
    client.write(forwardHead(`${target.origin}/status/${status}`));
    await client.untilText(`${status}\n`);
    assert.deepEqual(client.statuses, [status]);
    assert.doesNotMatch(client.text, /proxy-status|problem\+json/i);
    assert.match(client.text, /^Porchlight-Exit: agent_/m);
  }
});
