import assert from "node:assert/strict";
import { test } from "node:test";
import { ERRORS, ProxyError, type ErrorCode } from "@porchlight/protocol/errors";
import type { Problem } from "@porchlight/protocol/job";
import { HTTP_STATUS, problemAnswer } from "./problem.ts";

const CONTEXT = { requestId: "req_1" };

test("HTTP_STATUS: the client's faults are 4xx or 508, others' 5xx", () => {
  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    const status = HTTP_STATUS[code];
    const isClients = status < 500 || status === 508;
    assert.equal(isClients, ERRORS[code].fault === "client", code);
  }
});

test("problemAnswer: a more specific status stands in head and body", () => {
  const error = new ProxyError("invalid_request", "The request's head is too large");
  const { status, body } = problemAnswer(error, { ...CONTEXT, status: 431 });
  assert.equal(status, 431);
  assert.equal((JSON.parse(body) as Problem).status, 431);
});

test("problemAnswer: Retry-After, WWW-Authenticate and Allow where they belong", () => {
  const headers = (code: ErrorCode, allow?: string[]) =>
    problemAnswer(new ProxyError(code, "x"), { ...CONTEXT, ...(allow && { allow }) }).headers;
  assert.equal(headers("rate_limited")["Retry-After"], "1");
  assert.equal(headers("unauthenticated")["WWW-Authenticate"], "Bearer");
  assert.equal(headers("method_not_allowed", ["GET", "HEAD"])["Allow"], "GET, HEAD");
  assert.deepEqual(headers("dns_failed"), {
    "X-Request-Id": "req_1",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Type": "application/problem+json",
  });
});

test("problemAnswer: the job as far as it got", () => {
  const context = { ...CONTEXT, jobId: "job_1", attempts: [{ agent: "agent_1", ms: 3 }] };
  const { headers, body } = problemAnswer(new ProxyError("agent_lost", "x"), context);
  assert.equal(headers["Porchlight-Exit"], "agent_1");
  assert.equal((JSON.parse(body) as Problem).jobId, "job_1");
});
