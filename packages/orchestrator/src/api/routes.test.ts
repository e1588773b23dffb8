import assert from "node:assert/strict";
import { test } from "node:test";
import type { AgentView, Problem } from "@porchlight/protocol/job";
import { ApiClient, json } from "@porchlight/testkit/api-client";
import { openRaw, sendRaw } from "@porchlight/testkit/raw-http";
import { CLOSE_CODES } from "@porchlight/protocol/transport";
import type { Link } from "../agents/link.ts";
import { ConnectionLimit } from "../http/connection-limit.ts";
import { startApi, type RunningApi } from "./test-fakes.ts";

function clientOf({ origin }: RunningApi, key?: string): ApiClient {
  return new ApiClient({ origin, ...(key !== undefined && { key }) });
}

class FakeLink implements Link {
  readonly id = "link_1";
  readonly profile = "mux";
  readonly rttMs = 12;
  readonly lastSeenAtMs = 0;
  closedWith: number | undefined;

  startHttp(): never {
    throw new TypeError("No jobs here");
  }

  drain(): void {
    throw new TypeError("No drain here");
  }

  close(code: number): void {
    this.closedWith = code;
  }
}

/** An agent in the pool, and its link. */
function addAgent({ registry }: RunningApi, name = "home"): { id: string; link: FakeLink } {
  const link = new FakeLink();
  const arrival = {
    keyId: "key_1",
    account: "key_1",
    name,
    ip: "203.0.113.9",
    version: "1.0.0",
    os: "linux",
    labels: { site: "lisbon" },
    maxConcurrency: 4,
    takeover: true,
    paused: undefined,
  };
  const { record } = registry.register(arrival, link);
  assert.ok(record);
  return { id: record.id, link };
}

function patch(path: string, body: string, type = "application/json") {
  return { method: "PATCH", path, headers: { "content-type": type }, body };
}

test("GET /v1/agents: the pool, for clients and admins", async () => {
  await using api = await startApi();
  const { id } = addAgent(api);
  for (const key of ["client", "admin"]) {
    const agents = await clientOf(api, key).agents();
    assert.deepEqual(
      agents.map((agent) => [agent.id, agent.name, agent.status, agent.labels]),
      [[id, "home", "available", { site: "lisbon" }]],
    );
  }
  assert.equal((await clientOf(api, "agent").call({ path: "/v1/agents" })).status, 403);
  assert.equal((await clientOf(api).call({ path: "/v1/agents" })).status, 401);
});

test("GET /v1/agents/{id}: by id and by name, 404 for others", async () => {
  await using api = await startApi();
  const { id } = addAgent(api, "küche & co");
  const client = clientOf(api, "client");
  for (const name of [id, encodeURIComponent("küche & co")]) {
    const answer = await client.call({ path: `/v1/agents/${name}` });
    assert.equal((json(answer) as AgentView).id, id);
  }
  const hostile = [
    "nobody",
    "..%2f..%2fetc",
    "%00",
    "__proto__",
    "a".repeat(2_000),
    "%f0%9f%92%a5",
  ];
  for (const name of hostile) {
    const answer = await client.call({ path: `/v1/agents/${name}` });
    assert.equal(answer.status, 404, name);
    assert.equal((json(answer) as Problem).code, "not_found");
  }
});

test("PATCH /v1/agents/{id}: pauses and activates, for admins", async () => {
  await using api = await startApi();
  const { id } = addAgent(api);
  const admin = clientOf(api, "admin");
  for (const [state, status] of [
    ["paused", "paused"],
    ["active", "available"],
  ]) {
    const answer = await admin.call(patch(`/v1/agents/home`, JSON.stringify({ state })));
    assert.equal(answer.status, 200);
    assert.equal((json(answer) as AgentView).status, status);
  }
  const denied = await clientOf(api, "client").call(patch(`/v1/agents/${id}`, "{"));
  assert.equal(denied.status, 403);
  assert.equal((await admin.call(patch("/v1/agents/x", '{"state":"paused"}'))).status, 404);
});

test("faults A1 to A6: bodies of other routes are judged by the same rules", async () => {
  await using api = await startApi();
  addAgent(api);
  const admin = clientOf(api, "admin");
  const cases: [number, string, string?][] = [
    [400, "{"],
    [400, ""],
    [400, `{"state":${"[".repeat(30_000)}`],
    [400, '{"state":"paused","__proto__":{}}'],
    [400, '{"state":"paused","x":1}'],
    [400, '{"state":"off"}'],
    [413, JSON.stringify({ state: "x".repeat(70_000) })],
    [415, '{"state":"paused"}', "text/plain"],
  ];
  for (const [status, body, type] of cases) {
    const answer = await admin.call(patch("/v1/agents/home", body, type));
    assert.equal(answer.status, status, answer.body.toString());
    assert.equal(answer.headers["content-type"], "application/problem+json");
  }
  const unknown = await admin.call(patch("/v1/agents/home", '{"state":"paused","x":1}'));
  assert.equal((json(unknown) as Problem).detail, '"x" is not a known field');
});

test("DELETE /v1/agents/{id}: closes the agent's link and shows it", async () => {
  await using api = await startApi();
  const { id, link } = addAgent(api);
  const call = { method: "DELETE", path: `/v1/agents/${id}` };
  assert.equal((await clientOf(api, "client").call(call)).status, 403);
  const answer = await clientOf(api, "admin").call(call);
  assert.equal((json(answer) as AgentView).id, id);
  assert.equal(link.closedWith, CLOSE_CODES.goingAway);
});

test("GET /ip: the caller, seen through trusted proxies", async () => {
  await using api = await startApi();
  const client = clientOf(api);
  const ip = async (headers = {}) => json(await client.call({ path: "/ip", headers }));
  assert.deepEqual(await ip(), { ip: "127.0.0.1" });
  assert.deepEqual(await ip({ "x-forwarded-for": "6.6.6.6, 203.0.113.7" }), { ip: "203.0.113.7" });
});

test("GET /ip: the caller's country, where it is known", async () => {
  const locate = (ip: string) => (ip === "203.0.113.7" ? { country: "DE", city: "Köln" } : {});
  await using api = await startApi({ locator: { locate } });
  const headers = { "x-forwarded-for": "203.0.113.7" };
  const client = clientOf(api);
  const located = json(await client.call({ path: "/ip", headers }));
  assert.deepEqual(located, { ip: "203.0.113.7", country: "DE" });
  assert.deepEqual(json(await client.call({ path: "/ip" })), { ip: "127.0.0.1" });
});

test("faults A29: an unknown route is 404, a wrong method 405 with Allow", async () => {
  await using api = await startApi();
  const client = clientOf(api, "admin");
  const unknown = ["/", "/v2", "/v1/agents/", "/v1/agents/a/b", "/v1/request/", "//v1/agents"];
  for (const path of [...unknown, "/v1/agents%2f", "/..%2f..", "/?a=%zz"]) {
    const answer = await client.call({ path });
    assert.equal(answer.status, 404, path);
    assert.match(String(answer.headers["x-request-id"]), /^req_/);
  }
  const wrong: [string, string, string][] = [
    ["GET", "/v1/request", "POST"],
    ["PUT", "/v1/request?x", "POST"],
    ["PROPFIND", "/ip", "GET, HEAD"],
    ["TRACE", "/ip", "GET, HEAD"],
    ["OPTIONS", "/v1/agents/x", "DELETE, GET, HEAD, PATCH"],
    ["POST", "/v1/agents", "GET, HEAD"],
  ];
  for (const [method, path, allow] of wrong) {
    const answer = await client.call({ method, path });
    assert.equal(answer.status, 405, `${method} ${path}`);
    assert.equal(answer.headers.allow, allow);
    assert.equal((json(answer) as Problem).code, "method_not_allowed");
  }
  const unread = await client.call({ method: "POST", path: "/nowhere", body: "x" });
  assert.equal(unread.status, 404);
});

test("faults A29: CONNECT is told that this is no proxy", async () => {
  await using api = await startApi();
  const raw = await sendRaw(api.port, "CONNECT example.com:443 HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.deepEqual(raw.statuses, [405]);
  assert.match(raw.text, /method_not_allowed/);
});

test("HEAD: every GET route has it, without a body", async () => {
  await using api = await startApi();
  for (const path of ["/ip", "/openapi.json", "/docs"]) {
    const answer = await clientOf(api).call({ method: "HEAD", path });
    assert.equal(answer.status, 200);
    assert.equal(answer.body.length, 0);
    assert.ok(Number(answer.headers["content-length"]) > 10);
  }
});

test("every answer: security headers and a request id", async () => {
  await using api = await startApi();
  for (const path of ["/ip", "/nowhere", "/docs", "/%zz", "/v1/agents"]) {
    const { headers } = await clientOf(api).call({ path, headers: { "x-request-id": "abc" } });
    assert.equal(headers["x-request-id"], "abc", path);
    assert.equal(headers["x-content-type-options"], "nosniff");
    assert.equal(headers["cache-control"], "no-store");
  }
  assert.equal((await clientOf(api).call({ path: "/%zz" })).status, 400);
});

test("malformed HTTP: one problem, and the connection ends", async () => {
  await using api = await startApi();
  const cases: [number, string][] = [
    [400, "nonsense\r\n\r\n"],
    [400, "GET /ip HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"],
    [400, "POST /v1/request HTTP/1.1\r\nHost: a\r\nA b: c\r\n\r\n"],
    [431, `GET /ip HTTP/1.1\r\nHost: a\r\nA: ${"x".repeat(20_000)}\r\n\r\n`],
  ];
  for (const [status, bytes] of cases) {
    using raw = await openRaw(api.port);
    raw.write(bytes);
    await raw.untilText("urn:porchlight:error:invalid_request");
    raw.socket.end();
    await raw.untilEnd();
    assert.deepEqual(raw.statuses, [status]);
    assert.match(raw.text, /X-Request-Id: req_/);
  }
});

test("malformed HTTP: a broken chunk is answered once, in the place of the answer", async () => {
  await using api = await startApi();
  using raw = await openRaw(api.port);
  raw.write(
    "POST /v1/request HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer client\r\n" +
      "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
  );
  await raw.untilText("not valid HTTP");
  raw.socket.end();
  await raw.untilEnd();
  assert.deepEqual(raw.statuses, [400]);
  assert.deepEqual(api.errors, []);
});

test("malformed HTTP: nothing is written into an answer that has begun", async () => {
  await using api = await startApi();
  const next = api.jobs.next();
  const body = '{"url":"http://example.com/","format":"raw"}';
  using raw = await openRaw(api.port);
  raw.write(
    "POST /v1/request HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer client\r\n" +
      `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  const run = (await next).begin().data("piece");
  await raw.untilText("piece");
  raw.write("nonsense\r\n\r\n");
  await run.cancelled;
  await raw.untilEnd();
  assert.deepEqual(raw.statuses, [200]);
});

test("faults F18: with too many connections new work is refused, the rest goes on, and it recovers", async () => {
  await using api = await startApi({ connectionLimit: new ConnectionLimit(67) });
  api.jobs.onRun = (run) => run.begin().complete();
  const client = clientOf(api, "client");
  const job = { url: "http://example.com/" };
  const idle = [await openRaw(api.port), await openRaw(api.port)];
  const answer = await client.post(job);
  assert.equal(answer.status, 503);
  assert.equal((json(answer) as Problem).code, "overloaded");
  assert.equal(answer.headers["retry-after"], "1");
  assert.equal(answer.headers.connection, "close");
  assert.equal((await client.call({ path: "/ip" })).status, 200);
  const closed = new Promise((resolve) => {
    idle[0]?.socket.once("close", resolve);
  });
  for (const connection of idle) connection.socket.destroy();
  await closed;
  assert.equal((await client.post(job)).status, 200);
});

test("draining: connections end after their next answer", async () => {
  await using api = await startApi();
  api.state.draining = true;
  assert.equal((await clientOf(api).call({ path: "/ip" })).headers.connection, "close");
});

test("a request without Host or with two of them is a problem, and the connection ends", async () => {
  await using api = await startApi();
  for (const hosts of ["", "Host: a\r\nHost: b\r\n"]) {
    const connection = await sendRaw(api.port, `GET /ip HTTP/1.1\r\n${hosts}\r\n`);
    assert.deepEqual(connection.statuses, [400]);
    assert.match(connection.text, /^x-request-id: req_/im);
    assert.match(connection.text, /"code":"invalid_request"/);
  }
});

test("GET /agent: says that it is for WebSockets", async () => {
  await using api = await startApi();
  const answer = await clientOf(api).call({ path: "/agent" });
  assert.equal(answer.status, 426);
  assert.equal(answer.headers["upgrade"], "websocket");
  assert.equal((json(answer) as Problem).status, 426);
});
