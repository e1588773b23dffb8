import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, test } from "node:test";
import type { JobResult } from "@porchlight/protocol/job";
import { bodyText } from "@porchlight/testkit/api-client";
import { startCluster } from "@porchlight/testkit/cluster";
import { bodyPattern, type Echo } from "@porchlight/testkit/target-routes";
import { startTarget } from "@porchlight/testkit/target-server";

const cluster = await startCluster({ agents: 1, tls: true });
const target = await startTarget();
after(async () => {
  await target[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

function echoOf(result: JobResult): Echo {
  return JSON.parse(bodyText(result)) as Echo;
}

/** Value of the first header of this name. */
function header(echo: Echo, name: string): string | undefined {
  const index = echo.headers.findIndex((each, at) => at % 2 === 0 && each.toLowerCase() === name);
  return index === -1 ? undefined : echo.headers[index + 1];
}

test("a GET goes out through the agent and comes back with exit, attempts, timings and bytes", async () => {
  const result = await cluster.client.run({
    url: `${target.origin}/echo?a=1`,
    headers: { "X-Mine": "yes", Accept: "text/plain" },
    tag: "first",
    metadata: { order: 7 },
  });
  assert.equal(result.status, "completed");
  assert.equal(result.statusCode, 200);
  assert.equal(result.url, `${target.origin}/echo?a=1`);
  assert.equal(result.headers["content-type"], "application/json");
  assert.equal(result.truncated, false);
  assert.equal(result.tag, "first");
  assert.deepEqual(result.metadata, { order: 7 });
  assert.equal(result.exit.name, "agent-1");
  assert.deepEqual(
    result.attempts.map(({ agent, error }) => [agent, error]),
    [[result.exit.agentId, undefined]],
  );
  assert.equal(result.bytes.received, Buffer.from(result.body, "base64").length);
  assert.ok(result.timings.totalMs > 0);
  const echo = echoOf(result);
  assert.equal(echo.method, "GET");
  assert.equal(header(echo, "x-mine"), "yes");
  assert.equal(header(echo, "host"), `127.0.0.1:${target.port}`);
});

test("nothing of Porchlight reaches the target", async () => {
  const echo = echoOf(await cluster.client.run({ url: `${target.origin}/echo` }));
  const names = echo.headers
    .filter((_, index) => index % 2 === 0)
    .map((name) => name.toLowerCase());
  for (const name of names)
    assert.doesNotMatch(name, /porchlight|^via$|forwarded|^x-request-id$|proxy/);
});

for (const method of ["POST", "PUT", "PATCH", "DELETE"] as const) {
  test(`${method} carries a binary body both ways`, async () => {
    const body = Buffer.from(Array.from({ length: 512 }, (_, index) => index % 256));
    const result = await cluster.client.run({
      url: `${target.origin}/echo`,
      method,
      bodyBase64: body.toString("base64"),
    });
    const echo = echoOf(result);
    assert.equal(echo.method, method);
    assert.deepEqual(Buffer.from(echo.body, "base64"), body);
    assert.equal(result.bytes.sent, body.length);
  });
}

test("HEAD and OPTIONS work; HEAD has headers and no body", async () => {
  const head = await cluster.client.run({ url: `${target.origin}/bytes/1000`, method: "HEAD" });
  assert.equal(head.statusCode, 200);
  assert.equal(head.headers["content-length"], "1000");
  assert.equal(head.body, "");
  const options = await cluster.client.run({ url: `${target.origin}/echo`, method: "OPTIONS" });
  assert.equal(echoOf(options).method, "OPTIONS");
});

test("text bodies are sent as UTF-8 and come back as text when asked", async () => {
  const result = await cluster.client.run({
    url: `${target.origin}/echo`,
    method: "POST",
    body: "naïve ☂",
    bodyEncoding: "utf8",
  });
  assert.equal(result.bodyEncoding, "utf8");
  const echo = JSON.parse(result.body) as Echo;
  assert.equal(Buffer.from(echo.body, "base64").toString(), "naïve ☂");
});

test("a target's 404 and 500 are completed jobs", async () => {
  for (const status of [404, 500]) {
    const result = await cluster.client.run({ url: `${target.origin}/status/${status}` });
    assert.equal(result.status, "completed");
    assert.equal(result.statusCode, status);
  }
});

test("repeated headers come back as lists", async () => {
  const result = await cluster.client.run({ url: `${target.origin}/repeats` });
  assert.deepEqual(result.headers["set-cookie"], ["a=1", "b=2"]);
  assert.deepEqual(result.headers["x-twice"], ["one", "two"]);
});

test("an answer after a 103, and a chunked one with trailers, arrive whole", async () => {
  assert.equal(bodyText(await cluster.client.run({ url: `${target.origin}/hints` })), "hinted");
  const trailers = await cluster.client.run({ url: `${target.origin}/trailers` });
  assert.equal(bodyText(trailers), "body with a trailer");
});

test("format raw streams status, headers and body as they come", async () => {
  const bytes = 20_000_000;
  const { status, headers, body } = await cluster.client.raw({
    url: `${target.origin}/bytes/${bytes}?type=image/png`,
  });
  assert.equal(status, 200);
  assert.equal(headers["content-type"], "image/png");
  assert.match(String(headers["porchlight-job"]), /^job_/);
  assert.match(String(headers["porchlight-attempts"]), /1/);
  assert.match(String(headers["porchlight-exit"]), /agent-1|agent_/);
  const hash = createHash("sha256");
  for await (const chunk of body) hash.update(chunk as Buffer);
  const expected = createHash("sha256").update(bodyPattern(bytes)).digest("hex");
  assert.equal(hash.digest("hex"), expected);
});

test("format raw gives the target's status, hop-by-hop headers removed", async () => {
  target.route("odd", ({ response }) => {
    response.writeHead(418, {
      connection: "close, x-hop",
      "x-hop": "1",
      "proxy-authenticate": "Basic",
      "x-end": "2",
    });
    response.end("teapot");
  });
  const { status, headers, body } = await cluster.client.raw({ url: `${target.origin}/odd` });
  assert.equal(status, 418);
  assert.equal(headers["x-end"], "2");
  assert.equal(headers["x-hop"], undefined);
  assert.equal(headers["proxy-authenticate"], undefined);
  assert.equal((await body.toArray()).join(""), "teapot");
});

test("large bodies go up and down in one job", async () => {
  const up = bodyPattern(5_000_000);
  const result = await cluster.client.run({
    url: `${target.origin}/digest`,
    method: "POST",
    bodyBase64: up.toString("base64"),
  });
  assert.deepEqual(JSON.parse(bodyText(result)), {
    bytes: up.length,
    sha256: createHash("sha256").update(up).digest("hex"),
  });
});

test("many jobs at once all end, each with its own answer", async () => {
  const results = await Promise.all(
    Array.from({ length: 40 }, (_, index) =>
      cluster.client.run({ url: `${target.origin}/echo?n=${index}`, timeoutMs: 20_000 }),
    ),
  );
  assert.deepEqual(
    results.map((result) => echoOf(result).path),
    results.map((_, index) => `/echo?n=${index}`),
  );
});

test("the agent shows in the pool with its profile, state and counts", async () => {
  const [agent] = await cluster.client.agents();
  assert.equal(agent?.name, "agent-1");
  assert.equal(agent.profile, "mux");
  assert.equal(agent.status, "available");
  assert.equal(agent.inFlight, 0);
  assert.ok(agent.jobs.completed > 0);
  assert.ok(agent.bytes.received > 20_000_000);
});
