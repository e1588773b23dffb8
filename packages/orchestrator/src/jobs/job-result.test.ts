import assert from "node:assert/strict";
import { test } from "node:test";
import { headersByName, jobResult, type CompletedOutcome } from "./job-result.ts";
import type { Job } from "./job.ts";

const JOB: Job = {
  id: "job_1",
  requestId: "req_1",
  account: "acme",
  method: "GET",
  url: "http://example.com/",
  host: "example.com",
  headers: [],
  body: undefined,
  timeoutMs: 1_000,
  followRedirects: true,
  maxRedirects: 10,
  maxResponseBytes: 1_000,
  maxRetries: 2,
  retryUnsafe: false,
  targeting: {},
  priority: 5,
  tag: undefined,
  metadata: undefined,
};

const TIMINGS = { queueMs: 0, dnsMs: 1, connectMs: 2, tlsMs: 3, ttfbMs: 4, totalMs: 5 };

const OUTCOME: CompletedOutcome = {
  status: "completed",
  serving: {
    head: {
      kind: "http",
      status: 404,
      headers: ["Content-Type", "text/plain"],
      url: "http://example.com/final",
      redirects: 1,
      timings: { dnsMs: 1, connectMs: 2, tlsMs: 3, ttfbMs: 4 },
    },
    exit: { agentId: "agent_1", name: "home", ip: "203.0.113.9" },
    attempts: [],
  },
  attempts: [
    { agent: "agent_2", error: "agent_lost", ms: 1 },
    { agent: "agent_1", ms: 5 },
  ],
  bytes: { sent: 0, received: 2 },
  timings: TIMINGS,
};

test("jobResult: a target's 404 is a completed job", () => {
  const body = Buffer.from("no");
  assert.deepEqual(jobResult({ job: JOB, outcome: OUTCOME, body, bodyEncoding: "base64" }), {
    id: "job_1",
    status: "completed",
    statusCode: 404,
    url: "http://example.com/final",
    headers: { "content-type": "text/plain" },
    body: "bm8=",
    bodyEncoding: "base64",
    truncated: false,
    attempts: OUTCOME.attempts,
    exit: OUTCOME.serving.exit,
    bytes: { sent: 0, received: 2 },
    timings: TIMINGS,
  });
});

test("jobResult: tag and metadata are echoed", () => {
  const job = { ...JOB, tag: "t", metadata: { a: 1 } };
  const result = jobResult({ job, outcome: OUTCOME, body: Buffer.alloc(0), bodyEncoding: "utf8" });
  assert.deepEqual([result.tag, result.metadata, result.body], ["t", { a: 1 }, ""]);
});

test("jobResult: utf8 only where no byte is changed by it", () => {
  const encoded = (body: Buffer) => {
    const result = jobResult({ job: JOB, outcome: OUTCOME, body, bodyEncoding: "utf8" });
    return [result.bodyEncoding, result.body];
  };
  assert.deepEqual(encoded(Buffer.from("grün")), ["utf8", "grün"]);
  assert.deepEqual(encoded(Buffer.from([0xff, 0xfe])), ["base64", "//4="]);
});

test("headersByName: repeated names get a list, in order", () => {
  const list = ["Set-Cookie", "a", "X", "1", "set-cookie", "b", "SET-COOKIE", "c"];
  assert.deepEqual(headersByName(list), { "set-cookie": ["a", "b", "c"], x: "1" });
});

test("faults A5: a target's header named __proto__ is a header", () => {
  assert.equal(
    JSON.stringify(headersByName(["__proto__", "1", "constructor", "2"])),
    '{"__proto__":"1","constructor":"2"}',
  );
});
