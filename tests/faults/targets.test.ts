import assert from "node:assert/strict";
import { after, test } from "node:test";
import { bodyText } from "@porchlight/testkit/api-client";
import { NOT_HTTP } from "@porchlight/testkit/hostile-routes";
import { KEYS, startCluster } from "@porchlight/testkit/cluster";
import { startTarget } from "@porchlight/testkit/target-server";
import { until } from "@porchlight/testkit/until";

const cluster = await startCluster();
const target = await startTarget();
after(async () => {
  await target[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});
const [agent] = cluster.agents;

/** The job fails with one of these codes and status; the agent serves the next job as if nothing had been. */
async function failsWith(path: string, codes: RegExp, status: number): Promise<void> {
  const problem = await cluster.client.fail({ url: `${target.origin}${path}`, timeoutMs: 3_000 });
  assert.match(problem.code, codes, path);
  assert.equal(problem.status, status, path);
  const next = await cluster.client.run({ url: `${target.origin}/status/200` });
  assert.equal(next.statusCode, 200);
}

test("faults F11: a target that sends nothing, or a byte now and then, ends at the deadline", async () => {
  const timeoutMs = 2_000;
  const ends = ["/hang", "/hang-body", "/drip/200", "/drip-head/200"].map(async (path) => {
    const startMs = performance.now();
    const problem = await cluster.client.fail({ url: `${target.origin}${path}`, timeoutMs });
    const tookMs = performance.now() - startMs;
    assert.equal(problem.status, 504, path);
    assert.equal(problem.code, "target_timeout", path);
    assert.ok(tookMs > timeoutMs / 2 && tookMs < 2 * timeoutMs, `${path} took ${tookMs} ms`);
  });
  await Promise.all(ends);
  await until("the target's connections to be closed", async () => target.openConnections <= 1);
});

test("faults F11: with format raw a body that stalls is a broken connection at the deadline", async () => {
  const { status, body } = await cluster.client.raw({
    url: `${target.origin}/hang-body`,
    timeoutMs: 700,
  });
  assert.equal(status, 200);
  await assert.rejects(body.toArray(), { code: "ECONNRESET" });
});

test("faults F12: an endless body is cut at the cap", async () => {
  for (const path of ["/endless", "/endless-close"]) {
    const problem = await cluster.client.fail({
      url: `${target.origin}${path}`,
      maxResponseBytes: 200_000,
    });
    assert.equal(problem.code, "response_too_large", path);
    assert.equal(problem.status, 502);
  }
  await until("the target's connections to be closed", () => target.openConnections <= 1);
});

test("faults F12: a body of exactly the cap passes, one byte more does not", async () => {
  const url = `${target.origin}/bytes/1000`;
  const result = await cluster.client.run({ url, maxResponseBytes: 1000 });
  assert.equal(result.bytes.received, 1000);
  const problem = await cluster.client.fail({ url, maxResponseBytes: 999 });
  assert.equal(problem.code, "response_too_large");
});

test("faults F12: the default cap of a buffered answer is the body limit", async () => {
  const problem = await cluster.client.fail({ url: `${target.origin}/endless` });
  assert.equal(problem.code, "response_too_large");
});

test("faults F13: a body shorter than announced is never a success", async () => {
  await failsWith("/cut/7", /^response_truncated$/, 502);
  await failsWith("/cut-chunked", /^response_truncated$/, 502);
  await failsWith("/cut/0", /^response_truncated$/, 502);
});

test("faults F13: with format raw a body shorter than announced is a broken connection", async () => {
  for (const path of ["/cut/7", "/cut-chunked"]) {
    const { status, body } = await cluster.client.raw({ url: `${target.origin}${path}` });
    assert.equal(status, 200);
    await assert.rejects(body.toArray(), { code: "ECONNRESET" }, path);
  }
});

test("faults F13: two lengths that differ are a protocol error", async () => {
  await failsWith("/two-lengths", /^target_protocol_error$/, 502);
});

test("faults F13: a body longer than announced is cut to its length and poisons nothing", async () => {
  const problem = await cluster.client.post({ url: `${target.origin}/longer` });
  if (problem.status === 200) {
    const { body } = JSON.parse(problem.body.toString()) as { body: string };
    assert.equal(Buffer.from(body, "base64").toString(), "hello");
  }
  await failsWith("/reset-before", /./, 502);
});

test("faults F13: an answer nobody asked for is never given to the next job", async () => {
  for (const path of ["/unasked", "/unasked-later/30"]) {
    const first = await cluster.client.run({ url: `${target.origin}${path}` });
    assert.equal(bodyText(first), "first");
    await until("the connection to be destroyed", () => target.openConnections === 0);
    const second = await cluster.client.run({ url: `${target.origin}/status/201` });
    assert.equal(second.statusCode, 201);
  }
});

test("faults F13: an answer nobody asked for is not given to a job that follows at once", async () => {
  for (let round = 0; round < 20; round++) {
    for (const path of ["/unasked", "/unasked-together"]) {
      const first = await cluster.client.run({ url: `${target.origin}${path}` });
      assert.equal(bodyText(first), "first");
      const second = await cluster.client.run({ url: `${target.origin}/status/201` });
      assert.equal(second.statusCode, 201);
    }
  }
});

test("faults F13: connections to a target are kept for their account only", async () => {
  const url = `${target.origin}/status/200`;
  await cluster.client.run({ url });
  await cluster.client.run({ url });
  const [mine, again] = target.requests.slice(-2);
  assert.equal(mine?.connection, again?.connection);
  await cluster.as(KEYS.otherClient).run({ url });
  assert.notEqual(target.requests.at(-1)?.connection, mine?.connection);
});

test("faults F14: what is no HTTP is a protocol error and the agent lives", async () => {
  const pid = agent?.pid;
  for (const path of NOT_HTTP) await failsWith(path, /^target_protocol_error$/, 502);
  assert.equal(agent?.running, true);
  assert.equal(agent.pid, pid);
});

test("faults F14: content is not decoded, so that bombs stay small", async () => {
  const bomb = await cluster.client.run({ url: `${target.origin}/bomb` });
  assert.equal(bomb.headers["content-encoding"], "gzip");
  assert.ok(bomb.bytes.received < 100_000);
  const nested = await cluster.client.run({ url: `${target.origin}/many-gzip` });
  assert.equal(bodyText(nested), "x");
});

test("faults F15: a reset or an end before the head is a failure of the target", async () => {
  await failsWith("/reset-before", /^connection_reset$/, 502);
  await failsWith(
    "/end-before",
    /^(?:connection_reset|target_protocol_error|response_truncated)$/,
    502,
  );
});

test("faults F15: a reset after the head fails a buffered job and breaks a raw one", async () => {
  await failsWith("/reset-after/7", /^(?:connection_reset|response_truncated)$/, 502);
  const { status, body } = await cluster.client.raw({ url: `${target.origin}/reset-after/7` });
  assert.equal(status, 200);
  await assert.rejects(body.toArray(), { code: "ECONNRESET" });
});

test("a refused connection and an unknown name say so", async () => {
  const closed = await startTarget();
  const { port } = closed;
  await closed[Symbol.asyncDispose]();
  const refused = await cluster.client.fail({ url: `http://127.0.0.1:${port}/` });
  assert.equal(refused.code, "connection_refused");
  const unknown = await cluster.client.fail({ url: "http://no-such-name.invalid/" });
  assert.equal(unknown.code, "dns_failed");
});

test("a target with a certificate nobody signed is refused", async () => {
  await using secure = await startTarget({ tls: true });
  const problem = await cluster.client.fail({ url: `${secure.origin}/echo` });
  assert.equal(problem.code, "tls_failed");
  assert.equal(secure.requests.length, 0);
});
