import assert from "node:assert/strict";
import { test } from "node:test";
import { ERRORS, ProxyError, type ErrorCode } from "@porchlight/protocol/errors";
import { HTTP_STATUS, jobHeaders, problemHeaders, problemOf } from "./problem.ts";

const CONTEXT = { requestId: "req_1" };

test("HTTP_STATUS: the client's faults are 4xx or 508, others' 5xx", () => {
  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    const status = HTTP_STATUS[code];
    const isClients = status < 500 || status === 508;
    assert.equal(isClients, ERRORS[code].fault === "client", code);
  }
});

test("problemOf: type, title and fault by the code, detail by the error", () => {
  assert.deepEqual(problemOf(new ProxyError("not_found", "There is no such agent"), CONTEXT), {
    type: "urn:porchlight:error:not_found",
    title: "Not found",
    status: 404,
    detail: "There is no such agent",
    code: "not_found",
    fault: "client",
    retryable: false,
    requestId: "req_1",
  });
});

test("problemOf: job, attempts and a more specific status", () => {
  const attempts = [{ agent: "agent_1", error: "agent_lost" as const, ms: 3 }];
  const context = { ...CONTEXT, jobId: "job_1", attempts, status: 431 };
  const problem = problemOf(new ProxyError("agent_lost", "x"), context);
  assert.deepEqual([problem.jobId, problem.attempts, problem.status], ["job_1", attempts, 431]);
  assert.equal(problem.retryable, true);
});

test("problemHeaders: Retry-After, WWW-Authenticate and Allow where they belong", () => {
  const headers = (code: ErrorCode, allow?: string[]) =>
    problemHeaders(new ProxyError(code, "x"), { ...CONTEXT, ...(allow && { allow }) });
  assert.equal(headers("rate_limited")["Retry-After"], "1");
  assert.equal(headers("no_agent_available")["Retry-After"], "5");
  assert.equal(headers("overloaded")["Retry-After"], "1");
  assert.equal(headers("shutting_down")["Retry-After"], "5");
  assert.equal(headers("unauthenticated")["WWW-Authenticate"], "Bearer");
  assert.equal(headers("method_not_allowed", ["GET", "HEAD"])["Allow"], "GET, HEAD");
  assert.deepEqual(headers("dns_failed"), { "Content-Type": "application/problem+json" });
});

test("jobHeaders: as far as the job got", () => {
  assert.deepEqual(jobHeaders({}), {});
  assert.deepEqual(jobHeaders({ jobId: "job_1", attempts: [] }), {
    "Porchlight-Job": "job_1",
    "Porchlight-Attempts": "0",
  });
});
