import assert from "node:assert/strict";
import { test } from "node:test";
import { ProxyError } from "./errors.ts";
import { problemOf, retryAfterHeader } from "./problem.ts";

const FACTS = { status: 404, requestId: "req_1" };

test("problemOf: type, title and fault by the code, detail by the error", () => {
  assert.deepEqual(problemOf(new ProxyError("not_found", "There is no such agent"), FACTS), {
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

test("problemOf: job, attempts and whether a retry may help", () => {
  const attempts = [{ agent: "agent_1", error: "agent_lost" as const, ms: 3 }];
  const facts = { ...FACTS, status: 502, jobId: "job_1", attempts };
  const problem = problemOf(new ProxyError("agent_lost", "x"), facts);
  assert.deepEqual([problem.jobId, problem.attempts, problem.status], ["job_1", attempts, 502]);
  assert.equal(problem.retryable, true);
});

test("retryAfterHeader: seconds where waiting helps", () => {
  assert.deepEqual(retryAfterHeader("rate_limited"), { "Retry-After": "1" });
  assert.deepEqual(retryAfterHeader("no_agent_available"), { "Retry-After": "5" });
  assert.deepEqual(retryAfterHeader("overloaded"), { "Retry-After": "1" });
  assert.deepEqual(retryAfterHeader("shutting_down"), { "Retry-After": "1" });
  assert.deepEqual(retryAfterHeader("dns_failed"), {});
});
