import assert from "node:assert/strict";
import { test } from "node:test";
import { ERRORS, ProxyError, type ErrorCode } from "@porchlight/protocol/errors";
import type { Problem } from "@porchlight/protocol/job";
import { HTTP_STATUS } from "../api/problem.ts";
import { PROXY_ERRORS, proxyErrorAnswer, sendProxyErrorOnSocket } from "./proxy-error.ts";
import { PassThrough } from "node:stream";

const CONTEXT = { requestId: "req_1" };

test("PROXY_ERRORS: the job API's statuses, save for a key that is missing", () => {
  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    const expected = code === "unauthenticated" ? 407 : HTTP_STATUS[code];
    assert.equal(PROXY_ERRORS[code].status, expected, code);
  }
});

test("proxyErrorAnswer: Proxy-Status says what went wrong, and with which code", () => {
  const { status, headers, body } = proxyErrorAnswer(new ProxyError("dns_failed", "No"), CONTEXT);
  assert.equal(status, 502);
  assert.equal(headers["Proxy-Status"], 'porchlight; error=dns_error; details="dns_failed"');
  assert.equal(headers["Content-Type"], "application/problem+json");
  assert.equal(headers["Cache-Control"], "no-store");
  assert.equal(headers["X-Request-Id"], "req_1");
  assert.equal((JSON.parse(body) as Problem).detail, "No");
});

test("faults P1: no key is 407 with a challenge, and only that", () => {
  const missing = proxyErrorAnswer(new ProxyError("unauthenticated", "x"), CONTEXT);
  assert.equal(missing.status, 407);
  assert.equal(missing.headers["Proxy-Authenticate"], 'Basic realm="porchlight"');
  assert.equal(missing.headers["WWW-Authenticate"], undefined);
  const other = proxyErrorAnswer(new ProxyError("forbidden", "x"), CONTEXT);
  assert.equal(other.headers["Proxy-Authenticate"], undefined);
});

test("proxyErrorAnswer: Retry-After, and the job as far as it got", () => {
  const context = { ...CONTEXT, jobId: "job_1", attempts: [{ agent: "agent_1", ms: 3 }] };
  const { headers } = proxyErrorAnswer(new ProxyError("no_agent_available", "x"), context);
  assert.equal(headers["Retry-After"], "5");
  assert.equal(headers["Porchlight-Job"], "job_1");
  assert.equal(headers["Porchlight-Exit"], "agent_1");
  assert.equal(headers["Porchlight-Attempts"], "1");
});

test("proxyErrorAnswer: a more specific status", () => {
  const error = new ProxyError("invalid_request", "x");
  assert.equal(proxyErrorAnswer(error, { ...CONTEXT, status: 431 }).status, 431);
});

test("faults P6: sendProxyErrorOnSocket answers once, and says that it closes", () => {
  const socket = new PassThrough();
  const written: string[] = [];
  socket.on("data", (chunk: Buffer) => written.push(chunk.toString()));
  sendProxyErrorOnSocket(socket, new ProxyError("invalid_request", "x"), CONTEXT);
  sendProxyErrorOnSocket(socket, new ProxyError("internal", "x"), CONTEXT);
  assert.equal(written.join("").match(/HTTP\/1\.1/g)?.length, 1);
  assert.match(written.join(""), /^HTTP\/1\.1 400 .*\r\nConnection: close\r\n/s);
  assert.equal(socket.writableEnded, true);
  socket.destroy();
});
