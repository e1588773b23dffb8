import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import type { JobResult, Problem } from "@porchlight/protocol/job";
import { ApiClient, json } from "@porchlight/testkit/api-client";
import { openRaw } from "@porchlight/testkit/raw-http";
import { until } from "@porchlight/testkit/until";
import { startApi, type RunningApi } from "./test-fakes.ts";

const JOB = { url: "http://example.com/" };

function clientOf({ origin }: RunningApi): ApiClient {
  return new ApiClient({ origin, key: "client" });
}

function post(body: string | Uint8Array, headers: Record<string, string> = {}) {
  return {
    method: "POST",
    path: "/v1/request",
    headers: { "content-type": "application/json", ...headers },
    body,
  };
}

test("POST /v1/request: a job's answer as JSON, with the job's headers", async () => {
  await using api = await startApi();
  api.jobs.onRun = (run) =>
    run
      .begin({ headers: ["A", "1"] })
      .data("hi")
      .complete();
  const answer = await clientOf(api).post({ ...JOB, tag: "t" });
  assert.equal(answer.status, 200);
  const result = json(answer) as JobResult;
  assert.equal(result.body, "aGk=");
  assert.deepEqual(result.headers, { a: "1" });
  assert.equal(result.tag, "t");
  assert.equal(answer.headers["content-type"], "application/json");
  assert.equal(answer.headers["porchlight-job"], result.id);
  assert.equal(answer.headers["porchlight-exit"], "agent_1");
  assert.equal(answer.headers["porchlight-attempts"], "1");
  assert.equal(answer.headers["cache-control"], "no-store");
  assert.equal(answer.headers["x-content-type-options"], "nosniff");
  assert.match(String(answer.headers["x-request-id"]), /^req_[0-9a-z]{24}$/);
});

test("POST /v1/request: the job has the key's account and the caller's request id", async () => {
  await using api = await startApi();
  api.jobs.onRun = (run) => run.begin().complete();
  const answer = await clientOf(api).call(
    post(JSON.stringify(JOB), { "x-request-id": "mine.1-2_3" }),
  );
  assert.equal(answer.headers["x-request-id"], "mine.1-2_3");
  const [run] = api.jobs.runs;
  assert.equal(run?.job.requestId, "mine.1-2_3");
  assert.equal(run?.job.account, "account-client");
  const other = await clientOf(api).call(post(JSON.stringify(JOB), { "x-request-id": "a b" }));
  assert.match(String(other.headers["x-request-id"]), /^req_/);
});

test("POST /v1/request: a query behind the path and another spelling reach the same handler", async () => {
  await using api = await startApi();
  api.jobs.onRun = (run) => run.begin().complete();
  for (const path of ["/v1/request?x=1", "/v1/%72equest"]) {
    const answer = await clientOf(api).call({ ...post(JSON.stringify(JOB)), path });
    assert.equal(answer.status, 200, path);
  }
});

test("POST /v1/request: a failed job is a problem with its attempts", async () => {
  await using api = await startApi();
  const attempts = [{ agent: "agent_7", error: "dns_failed" as const, ms: 2 }];
  api.jobs.onRun = (run) => run.fail("dns_failed", "No such name", attempts);
  const answer = await clientOf(api).post(JOB);
  assert.equal(answer.status, 502);
  assert.equal(answer.headers["content-type"], "application/problem+json");
  assert.equal(answer.headers["porchlight-exit"], "agent_7");
  const problem = json(answer) as Problem;
  assert.deepEqual(problem, {
    type: "urn:porchlight:error:dns_failed",
    title: "Name not resolved",
    status: 502,
    detail: "No such name",
    code: "dns_failed",
    fault: "target",
    retryable: true,
    requestId: problem.requestId,
    jobId: api.jobs.runs[0]?.job.id,
    attempts,
  });
});

test("faults A25: nobody matches: 503 with Retry-After", async () => {
  await using api = await startApi();
  api.jobs.onRun = (run) => run.fail("no_agent_available", "No agent became free within 5000 ms");
  const answer = await clientOf(api).post(JOB);
  assert.equal(answer.status, 503);
  assert.equal(answer.headers["retry-after"], "5");
});

test("POST /v1/request: shutting_down while the dispatcher drains; connections end", async () => {
  await using api = await startApi();
  api.state.draining = true;
  api.jobs.onRun = (run) => run.fail("shutting_down", "The orchestrator is shutting down");
  const answer = await clientOf(api).post(JOB);
  assert.equal(answer.status, 503);
  assert.equal(answer.headers["retry-after"], "1");
  assert.equal(answer.headers.connection, "close");
});

test("faults A1: malformed JSON, and nothing of it in the answer", async () => {
  await using api = await startApi();
  const texts = ["", "{", "nonsense c4n4ry", '{"url":c4n4ry}', "\ufeff{}", "{}{}", '{"a":1,}'];
  for (const body of [...texts, Uint8Array.of(0x22, 0xff, 0x22), Uint8Array.of(0)]) {
    const answer = await clientOf(api).call(post(body));
    assert.equal(answer.status, 400, String(body));
    assert.equal((json(answer) as Problem).code, "invalid_request");
    assert.doesNotMatch(answer.body.toString(), /c4n4ry/);
  }
  assert.equal(api.jobs.runs.length, 0);
});

test("faults A2: another or no content type, or a coded body", async () => {
  await using api = await startApi();
  const body = JSON.stringify(JOB);
  for (const type of ["text/plain", "application/jsonx", "application/problem+json", ""]) {
    const answer = await clientOf(api).call(post(body, { "content-type": type }));
    assert.equal(answer.status, 415, type);
  }
  const missing = await clientOf(api).call({ method: "POST", path: "/v1/request", body });
  assert.equal(missing.status, 415);
  const coded = await clientOf(api).call(post(body, { "content-encoding": "gzip" }));
  assert.equal(coded.status, 415);
  api.jobs.onRun = (run) => run.begin().complete();
  for (const type of ["application/json; charset=utf-8", "Application/JSON ;x=y"]) {
    assert.equal((await clientOf(api).call(post(body, { "content-type": type }))).status, 200);
  }
});

test("faults A3: a body declared too large is refused before it is read", async () => {
  await using api = await startApi();
  using raw = await openRaw(api.port);
  raw.write(
    "POST /v1/request HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer client\r\n" +
      "Content-Type: application/json\r\nContent-Length: 65537\r\nExpect: 100-continue\r\n\r\n",
  );
  await raw.untilEnd();
  assert.deepEqual(raw.statuses, [413]);
  assert.match(raw.text, /\r\nConnection: close\r\n/i);
});

test("faults A3: a chunked body that grows too large is refused, and the connection closes", async () => {
  await using api = await startApi();
  using raw = await openRaw(api.port);
  raw.write(
    "POST /v1/request HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer client\r\n" +
      "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" +
      `10001\r\n${"x".repeat(65_537)}\r\n`,
  );
  await raw.untilText("body_too_large");
  await raw.untilEnd();
  assert.deepEqual(raw.statuses, [413]);
});

test("POST /v1/request: the body is asked for once the head is good", async () => {
  await using api = await startApi();
  api.jobs.onRun = (run) => run.begin().complete();
  const body = JSON.stringify(JOB);
  using raw = await openRaw(api.port);
  raw.write(
    "POST /v1/request HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer client\r\n" +
      `Content-Type: application/json\r\nContent-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`,
  );
  await raw.untilText("100 Continue");
  raw.write(body);
  await raw.untilText('"status":"completed"');
  assert.deepEqual(raw.statuses, [100, 200]);
});

test("faults A4: JSON nested 100,000 deep is refused at once", async () => {
  await using api = await startApi({ maxBodyBytes: 1_000_000 });
  const nest = "[".repeat(100_000) + "]".repeat(100_000);
  const objects = `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`;
  for (const body of [nest, objects, `{"url":"http://a/","metadata":{"a":${nest}}}`]) {
    const answer = await clientOf(api).call(post(body));
    assert.equal(answer.status, 400);
    assert.match((json(answer) as Problem).detail, /nested/);
  }
  const many = await clientOf(api).call(post(`{"headers":{${'"a":1,'.repeat(20_000)}"b":1}}`));
  assert.match((json(many) as Problem).detail, /too many values/);
});

test("faults A5 to A15: what the job request may not hold is refused, and no job runs", async () => {
  await using api = await startApi();
  const url = "http://example.com/";
  const cases: [number, Problem["code"], unknown][] = [
    [400, "invalid_request", JSON.parse(`{"url":"${url}","__proto__":{}}`)],
    [400, "invalid_request", { url, nonsense: 1 }],
    [400, "invalid_url", { url: "http://" }],
    [400, "invalid_url", { url: "file:///etc/passwd" }],
    [400, "invalid_url", { url: "http://u:p@example.com/" }],
    [400, "invalid_request", { url, method: "get" }],
    [400, "invalid_header", { url, headers: { "a b": "1" } }],
    [400, "invalid_header", { url, headers: { "transfer-encoding": "chunked" } }],
    [400, "invalid_request", { url, timeoutMs: 0 }],
    [400, "invalid_url", { url: "http://example.com:0/" }],
    [403, "port_forbidden", { url: "http://example.com:22/" }],
    [403, "target_forbidden", { url: "http://127.1/" }],
    [403, "target_forbidden", { url: "http://[::ffff:a00:1]/" }],
  ];
  for (const [status, code, job] of cases) {
    const answer = await clientOf(api).post(job);
    assert.equal(answer.status, status, answer.body.toString());
    assert.equal((json(answer) as Problem).code, code);
  }
  assert.equal(api.jobs.runs.length, 0);
});

test("faults A19: no, a malformed and a wrong key get the same answer, another role 403", async () => {
  await using api = await startApi();
  const bodies = new Set<string>();
  for (const authorization of [undefined, "", "Bearer", "Bearer wrong", "Basic client", "client"]) {
    const headers = {
      "x-request-id": "same",
      ...(authorization !== undefined && { authorization }),
    };
    const answer = await new ApiClient({ origin: api.origin }).call(post("{", headers));
    assert.equal(answer.status, 401);
    assert.equal(answer.headers["www-authenticate"], "Bearer");
    bodies.add(answer.body.toString());
  }
  assert.equal(bodies.size, 1);
  for (const key of ["admin", "agent"]) {
    const answer = await clientOf(api).withKey(key).post(JOB);
    assert.equal(answer.status, 403);
    assert.equal((json(answer) as Problem).code, "forbidden");
  }
});

test("faults A19: the key is judged before the body comes", async () => {
  await using api = await startApi();
  using raw = await openRaw(api.port);
  raw.write("POST /v1/request HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  await raw.untilText("unauthenticated");
  await raw.untilEnd();
  assert.deepEqual(raw.statuses, [401]);
});

test("POST /v1/request: a connection outlives a refused small body", async () => {
  await using api = await startApi();
  using raw = await openRaw(api.port);
  const head = "POST /v1/request HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n";
  raw.write(`${head}{}`);
  await raw.untilText("unauthenticated");
  raw.write(`${head}{}`);
  await raw.untilText("unauthenticated");
  assert.match(raw.text, /Connection: keep-alive/i);
});

test("POST /v1/request: a body that does not come in time", async () => {
  await using api = await startApi({ bodyDeadlineMs: 20 });
  using raw = await openRaw(api.port);
  raw.write(
    "POST /v1/request HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer client\r\n" +
      "Content-Type: application/json\r\nContent-Length: 60000\r\n\r\n{",
  );
  await raw.untilText("did not come within 20 ms");
  assert.deepEqual(raw.statuses, [400]);
});

test("faults A28: a client that goes away cancels its job", async () => {
  for (const format of ["json", "raw"]) {
    await using api = await startApi();
    const next = api.jobs.next();
    const leaving = new AbortController();
    const answer = clientOf(api).post({ ...JOB, format }, leaving.signal);
    const run = await next;
    leaving.abort();
    await assert.rejects(answer);
    assert.equal(await run.cancelled, "The client went away");
  }
});

test("faults A28: a client that goes away while it uploads starts nothing", async () => {
  await using api = await startApi();
  const raw = await openRaw(api.port);
  raw.write(
    "POST /v1/request HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer client\r\n" +
      "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
  );
  await once(api.server, "request");
  raw.socket.destroy();
  await until("the connection's end", () => api.limit.open === 0);
  assert.equal(api.jobs.runs.length, 0);
  assert.deepEqual(api.errors, []);
});

test("faults F10: a client that stops reading a whole answer is given up", async () => {
  await using api = await startApi();
  const timeouts: number[] = [];
  api.server.on("connection", (socket) => {
    const set = socket.setTimeout.bind(socket);
    socket.setTimeout = (ms, callback) => {
      timeouts.push(ms);
      return set(ms, callback);
    };
  });
  api.jobs.onRun = (run) => run.begin().data(Buffer.alloc(8_000_000)).complete();
  const answer = await clientOf(api).stream(post(JSON.stringify(JOB)));
  assert.equal(answer.status, 200);
  assert.ok(timeouts.includes(60_000));
  answer.body.destroy();
});

test("POST /v1/request: an error of ours is logged and tells nothing", async () => {
  await using api = await startApi();
  api.jobs.onRun = () => {
    throw new Error("c4n4ry");
  };
  const answer = await clientOf(api).post(JOB);
  assert.equal(answer.status, 500);
  assert.doesNotMatch(answer.body.toString(), /c4n4ry|at .*\.ts/);
  assert.equal(api.errors.length, 1);
});
