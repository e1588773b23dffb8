import assert from "node:assert/strict";
import { after, test } from "node:test";
import { json, type ApiAnswer } from "@porchlight/testkit/api-client";
import { KEYS, startCluster } from "@porchlight/testkit/cluster";
import { openRaw, sendRaw } from "@porchlight/testkit/raw-http";
import type { Problem } from "@porchlight/protocol/job";

/** No job of this file may reach an agent: there is one, and it must stay idle. */
const cluster = await startCluster({
  agents: 0,
  orchestrator: {
    ORCH_TARGET_ALLOW: "",
    ORCH_TARGET_PORTS: "80,443",
    ORCH_MAX_BODY_BYTES: "100000",
  },
});
const agent = await cluster.jsonAgent({ hello: { name: "idle" } });
await cluster.untilAvailable(1);
after(async () => {
  assert.deepEqual(agent.jobs, []);
  assert.equal(cluster.orchestrator.running, true);
  const health = await cluster.as(undefined).call({ path: "/healthz" });
  assert.equal(health.status, 200);
  agent[Symbol.dispose]();
  await cluster[Symbol.asyncDispose]();
});

const GOOD = { url: "http://example.com/" };

function post(body: string, contentType = "application/json"): Promise<ApiAnswer> {
  const headers = contentType === "" ? {} : { "content-type": contentType };
  return cluster.client.call({ method: "POST", path: "/v1/request", headers, body });
}

/** Asserts a problem document with this status and, if given, code. */
function assertProblem(answer: ApiAnswer, status: number, code?: string): Problem {
  const text = answer.body.toString();
  assert.equal(answer.status, status, text);
  assert.match(String(answer.headers["content-type"]), /^application\/problem\+json/);
  const problem = json(answer) as Problem;
  assert.equal(problem.status, status);
  if (code !== undefined) assert.equal(problem.code, code, text);
  assert.ok(answer.headers["x-request-id"]);
  assert.equal(problem.requestId, answer.headers["x-request-id"]);
  assert.doesNotMatch(text, /\bat .*\.ts:\d|node_modules|node:internal/);
  return problem;
}

test("faults A1: malformed JSON is 400", async () => {
  for (const body of ["{", "", "nope", '{"url":}', "\u0000", "[]", "null", '"x"', "5"]) {
    assertProblem(await post(body), 400, "invalid_request");
  }
});

test("faults A2: a wrong or missing content type is 415", async () => {
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "nonsense"]) {
    assertProblem(await post(JSON.stringify(GOOD), type), 415, "unsupported_media_type");
  }
  assertProblem(await post(JSON.stringify(GOOD), ""), 415, "unsupported_media_type");
});

/** The head of a POST by hand. */
function head(lines: string): string {
  return (
    `POST /v1/request HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${KEYS.client}\r\n` +
    `Content-Type: application/json\r\n${lines}\r\n\r\n`
  );
}

test("faults A3: a body over the limit is 413, declared before a byte of it is read", async () => {
  using connection = await openRaw(cluster.port);
  connection.write(head("Content-Length: 1000000000"));
  assert.match(await connection.untilText("body_too_large"), /^HTTP\/1\.1 413 /);
});

test("faults A3: a chunked body over the limit is 413 and the connection is closed", async () => {
  using connection = await openRaw(cluster.port);
  connection.write(head("Transfer-Encoding: chunked"));
  const chunk = `4000\r\n${" ".repeat(0x4000)}\r\n`;
  for (let sent = 0; sent < 64 && connection.end === undefined; sent++) connection.write(chunk);
  await connection.untilText("413");
  await connection.untilEnd();
});

test("faults A4: deeply nested JSON is 400 at once", async () => {
  const startMs = performance.now();
  const deep = "[".repeat(40_000) + "]".repeat(40_000);
  assertProblem(await post(deep), 400, "invalid_request");
  assertProblem(
    await post(`{"url":"http://x/","metadata":${'{"a":'.repeat(15_000)}1${"}".repeat(15_000)}}`),
    400,
  );
  assert.ok(performance.now() - startMs < 1_000);
});

test("faults A5: keys of the prototype are refused or inert", async () => {
  for (const key of ["__proto__", "constructor", "prototype"]) {
    const answer = await post(`{"url":"http://127.0.0.1/","${key}":{"format":"raw"}}`);
    assert.ok([400, 403].includes(answer.status));
  }
  assert.equal((await cluster.as(undefined).call({ path: "/healthz" })).status, 200);
});

/** Jobs that are refused, by fault, with status, code and what the detail has to name. */
const REFUSED: readonly (readonly [
  fault: string,
  job: object,
  status: number,
  code: string,
  names?: RegExp,
])[] = [
  ["A6", { ...GOOD, colour: "red" }, 400, "invalid_request", /colour/],
  ["A6", { ...GOOD, headers: { a: 1 } }, 400, "invalid_request", /headers/],
  ["A6", {}, 400, "invalid_request", /url/],
  ["A7", { url: "http://" }, 400, "invalid_url"],
  ["A7", { url: "http://[::1" }, 400, "invalid_url"],
  ["A7", { url: "http://exa mple.com/" }, 400, "invalid_url"],
  ["A7", { url: "http://a:99999/" }, 400, "invalid_url"],
  ["A7", { url: "/relative" }, 400, "invalid_url"],
  ["A8", { url: "file:///etc/passwd" }, 400, "invalid_url"],
  ["A8", { url: "ftp://example.com/" }, 400, "invalid_url"],
  ["A8", { url: "javascript:alert(1)" }, 400, "invalid_url"],
  ["A9", { url: "http://user:pass@example.com/" }, 400, "invalid_url"],
  ["A9", { url: "http://user@example.com/" }, 400, "invalid_url"],
  ["A10", { ...GOOD, method: "GET\r\nX: y" }, 400, "invalid_request", /method/],
  ["A10", { ...GOOD, method: "get" }, 400, "invalid_request", /method/],
  ["A10", { ...GOOD, method: "CONNECT" }, 400, "invalid_request", /method/],
  ["A10", { ...GOOD, method: "TRACE" }, 400, "invalid_request", /method/],
  ["A11", { ...GOOD, headers: { "bad name": "x" } }, 400, "invalid_header"],
  ["A11", { ...GOOD, headers: { "bad:name": "x" } }, 400, "invalid_header"],
  ["A11", { ...GOOD, headers: { "": "x" } }, 400, "invalid_header"],
  ["A11", { ...GOOD, headers: { "x-a": "a\r\nb: c" } }, 400, "invalid_header"],
  ["A11", { ...GOOD, headers: { "x-a": "a\0b" } }, 400, "invalid_header"],
  ["A11", { ...GOOD, headers: { "x-a": ["ok", "a\nb"] } }, 400, "invalid_header"],
  ["A12", { ...GOOD, headers: { Host: "other.example" } }, 400, "invalid_header", /host/i],
  ["A12", { ...GOOD, headers: { "Content-Length": "5" } }, 400, "invalid_header"],
  ["A12", { ...GOOD, headers: { "Transfer-Encoding": "chunked" } }, 400, "invalid_header"],
  ["A12", { ...GOOD, headers: { Connection: "close" } }, 400, "invalid_header"],
  ["A12", { ...GOOD, headers: { "Proxy-Authorization": "x" } }, 400, "invalid_header"],
  ["A12", { ...GOOD, headers: { "X-A": "1", "x-a": "2" } }, 400, "invalid_header"],
  ["A13", { ...GOOD, timeoutMs: 0 }, 400, "invalid_request", /timeoutMs/],
  ["A13", { ...GOOD, timeoutMs: -1 }, 400, "invalid_request", /timeoutMs/],
  ["A13", { ...GOOD, timeoutMs: "5" }, 400, "invalid_request", /timeoutMs/],
  ["A13", { ...GOOD, timeoutMs: 1.5 }, 400, "invalid_request", /timeoutMs/],
  ["A13", { ...GOOD, timeoutMs: 600_001 }, 400, "invalid_request", /timeoutMs/],
  ["A14", { url: "http://example.com:0/" }, 400, "invalid_url"],
  ["A14", { url: "http://example.com:65536/" }, 400, "invalid_url"],
  ["A14", { url: "http://example.com:22/" }, 403, "port_forbidden"],
  ["A14", { url: "http://example.com:25/" }, 403, "port_forbidden"],
  ["A15", { url: "http://169.254.169.254/latest/meta-data" }, 403, "target_forbidden"],
  ["A6", { ...GOOD, body: "a", bodyBase64: "YQ==" }, 400, "invalid_request", /body/],
  ["A6", { ...GOOD, bodyBase64: "***" }, 400, "invalid_request", /bodyBase64/],
  ["A6", { ...GOOD, country: "DEU" }, 400, "invalid_request", /country/],
  ["A6", { ...GOOD, session: "a b" }, 400, "invalid_request", /session/],
];

for (const [fault, job, status, code, names] of REFUSED) {
  test(`faults ${fault}: ${JSON.stringify(job).slice(0, 90)} is ${status} ${code}`, async () => {
    const { detail } = assertProblem(await cluster.client.post(job), status, code);
    if (names) assert.match(detail, names);
  });
}

test("faults A13: a timeout beyond every number is 400", async () => {
  assertProblem(
    await post('{"url":"http://example.com/","timeoutMs":1e309}'),
    400,
    "invalid_request",
  );
});

test("faults A29: an unknown route is 404, an unknown method 405 with Allow", async () => {
  assertProblem(await cluster.client.call({ path: "/nothing/here" }), 404, "not_found");
  assertProblem(await cluster.client.call({ path: "/v1/agents/agent_unknown" }), 404, "not_found");
  const answer = await cluster.client.call({ method: "DELETE", path: "/v1/request" });
  assertProblem(answer, 405, "method_not_allowed");
  assert.equal(answer.headers["allow"], "POST");
  const get = await cluster.client.call({ path: "/agent" });
  assert.ok(get.status >= 400 && get.status < 500);
});

/** Strings that have broken programs before. */
const HOSTILE = [
  "'; DROP TABLE agents; --",
  "<script>alert(1)</script>",
  "../../../../etc/passwd",
  "%00",
  "\u0000",
  "\u202Egnp.exe",
  "\ud800",
  "😀".repeat(100),
  "a".repeat(5_000),
  "${jndi:ldap://x}",
  "__proto__",
  "\r\nSet-Cookie: a=b",
];

test("faults A30: hostile strings in names and labels are never a 5xx, and select nobody", async () => {
  for (const text of HOSTILE) {
    for (const job of [
      { ...GOOD, agent: text },
      { ...GOOD, labels: { [text]: "x" } },
      { ...GOOD, labels: { site: text } },
      { ...GOOD, tag: text, agent: "nobody" },
      { ...GOOD, metadata: { [text]: text }, agent: "nobody" },
    ]) {
      const answer = await cluster.client.post({ ...job, timeoutMs: 50 });
      assert.ok(
        [400, 503, 504].includes(answer.status),
        `${answer.status} for ${JSON.stringify(job)}`,
      );
    }
    const path = `/v1/agents/${encodeURIComponent(text.isWellFormed() ? text : "x")}`;
    assert.ok((await cluster.client.call({ path })).status < 500);
  }
});

test("faults A30: agents with hostile names do no harm to the pool's view", async () => {
  for (const name of HOSTILE) {
    const answer = cluster.jsonAgent({ hello: { name, labels: { [name]: name } } });
    const stranger = await answer.catch(() => undefined);
    await cluster.client.agents();
    stranger?.[Symbol.dispose]();
  }
  const agents = await cluster.client.agents();
  assert.ok(agents.some(({ name }) => name === "idle"));
});

test("faults A25: when nobody matches, a sync job is 503 with Retry-After after the queue wait", async () => {
  const startMs = performance.now();
  const answer = await cluster.client.post({ ...GOOD, agent: "nobody-of-this-name" });
  const problem = assertProblem(answer, 503, "no_agent_available");
  assert.equal(problem.retryable, true);
  assert.match(String(answer.headers["retry-after"]), /^\d+$/);
  assert.ok(performance.now() - startMs < 3_000);
});

test("faults P6: requests that two servers could read differently are 400 and closed", async () => {
  const both = head("Content-Length: 5\r\nTransfer-Encoding: chunked");
  const two = head("Content-Length: 5\r\nContent-Length: 6");
  const folded = head("X-A: 1\r\n folded: 2\r\nContent-Length: 2");
  for (const bytes of [both, two, folded, "GARBAGE\r\n\r\n", "GET / HTTP/9.9\r\n\r\n"]) {
    const connection = await sendRaw(cluster.port, bytes);
    assert.deepEqual(connection.statuses, [400], bytes);
  }
});
