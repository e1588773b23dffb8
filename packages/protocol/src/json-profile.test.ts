import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { ProxyError } from "./errors.ts";
import {
  decodeAgentMessage,
  encodeCancel,
  encodeDrain,
  encodeJob,
  encodePing,
} from "./json-profile.ts";
import { MAX_AGENT_CONCURRENCY, MAX_LABELS, MAX_NAME_CHARS } from "./limits.ts";
import type { OpenHttp } from "./message.ts";

const OPEN: OpenHttp = {
  kind: "http",
  jobId: "job_1",
  account: "key_1",
  method: "POST",
  url: "https://example.com/",
  headers: ["Accept", "text/html", "X-A", "1", "x-a", "2", "X-a", "3", "__proto__", "4"],
  bodyBytes: 3,
  timeoutMs: 1_000,
  followRedirects: true,
  maxRedirects: 10,
};

const decode = (message: unknown) => decodeAgentMessage(JSON.stringify(message));

test("encodeJob: says what the contract says, repeated names as a list", () => {
  const job: unknown = JSON.parse(encodeJob(OPEN, Buffer.from("abc"), 100));
  const headers = JSON.parse(
    '{"Accept":"text/html","X-A":["1","2","3"],"__proto__":"4"}',
  ) as object;
  assert.deepEqual(job, {
    type: "job",
    jobId: "job_1",
    url: "https://example.com/",
    method: "POST",
    headers,
    body: "YWJj",
    timeoutMs: 1_000,
    followRedirects: true,
    maxRedirects: 10,
    maxResponseBytes: 100,
  });
});

test("encodeJob: no body is null; the smaller response limit counts", () => {
  const limit = (maxResponseBytes?: number) => {
    const open = maxResponseBytes === undefined ? OPEN : { ...OPEN, maxResponseBytes };
    return JSON.parse(encodeJob(open, undefined, 100)) as Record<string, unknown>;
  };
  assert.equal(limit()["body"], null);
  assert.equal(limit(7)["maxResponseBytes"], 7);
  assert.equal(limit(1_000)["maxResponseBytes"], 100);
});

test("encodeCancel, encodePing, encodeDrain: as in the contract", () => {
  assert.deepEqual(JSON.parse(encodeCancel("job_1")), { type: "cancel", jobId: "job_1" });
  assert.deepEqual(JSON.parse(encodePing(17)), { type: "ping", t: 17 });
  assert.deepEqual(JSON.parse(encodeDrain()), { type: "drain" });
});

test("decodeAgentMessage: hello with and without its optional parts", () => {
  const full = { name: "home", version: "2.1", maxConcurrency: 4, labels: { a: "b" } };
  assert.deepEqual(decode({ type: "hello", ...full, more: 1 }), { type: "hello", ...full });
  assert.deepEqual(decode({ type: "hello", version: 2 }), {
    type: "hello",
    name: undefined,
    version: "2",
    maxConcurrency: 1,
    labels: {},
  });
});

test("decodeAgentMessage: pong", () => {
  assert.deepEqual(decode({ type: "pong", t: 5 }), { type: "pong", t: 5 });
  assert.deepEqual(decode({ type: "pong" }), { type: "pong", t: undefined });
});

test("faults G3: bad JSON, unknown types and wrong shapes are refused", () => {
  const texts = ["", "x", "null", "[]", "1", '"hello"', "{}", '{"type":1}', '{"type":"job"}'];
  const shapes = [
    { type: "pong", t: "5" },
    { type: "result" },
    { type: "result", jobId: 5 },
    { type: "result", jobId: "" },
    { type: "result", jobId: "x".repeat(1_000) },
    { type: "hello", name: "" },
    { type: "hello", name: "x".repeat(MAX_NAME_CHARS + 1) },
    { type: "hello", maxConcurrency: 0 },
    { type: "hello", maxConcurrency: 1.5 },
    { type: "hello", maxConcurrency: MAX_AGENT_CONCURRENCY + 1 },
    { type: "hello", labels: { a: 1 } },
    { type: "hello", labels: { a: "" } },
    { type: "hello", labels: { a: "x".repeat(MAX_NAME_CHARS + 1) } },
    {
      type: "hello",
      labels: Object.fromEntries(Array.from({ length: MAX_LABELS + 1 }, (_, i) => [`k${i}`, "v"])),
    },
  ];
  for (const text of [...texts, ...shapes.map((shape) => JSON.stringify(shape))]) {
    assert.throws(() => decodeAgentMessage(text), { code: "agent_protocol_error" }, text);
  }
});

test("faults A4: JSON nested 100,000 deep is refused at once", () => {
  const text = `{"type":"hello","labels":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
  assert.throws(() => decodeAgentMessage(text), { code: "agent_protocol_error" });
});

test("decodeAgentMessage: whatever text comes, a message or a ProxyError", () => {
  const known = ["type", "jobId", "statusCode", "headers", "body", "error", "url", "t", "labels"];
  const types = fc.constantFrom("hello", "pong", "result");
  const message = fc.dictionary(fc.constantFrom(...known), fc.jsonValue());
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), message, types), message, (input, rest) => {
      const text = typeof input === "string" ? input : JSON.stringify({ ...rest, ...input });
      for (const one of [text, JSON.stringify({ ...rest, type: input, jobId: "job_1" })]) {
        try {
          assert.match(decodeAgentMessage(one).type, /^(?:hello|pong|result)$/);
        } catch (error) {
          assert.ok(error instanceof ProxyError);
        }
      }
    }),
  );
});
