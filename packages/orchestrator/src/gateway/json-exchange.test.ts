import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonResponse } from "@porchlight/protocol/json-profile-result";
import type { OpenHttp } from "@porchlight/protocol/message";
import { JsonExchange } from "./json-exchange.ts";
import { HeardHttp, OPEN } from "./test-fakes.ts";

const MIB = 1024 * 1024;

function setup(open: Partial<OpenHttp> = {}) {
  const heard = new HeardHttp();
  const cancelled: string[] = [];
  const exchange = new JsonExchange({
    open: { ...OPEN, ...open },
    listener: heard,
    startedAtMs: 100,
    cancel: (jobId) => cancelled.push(jobId),
  });
  return { heard, cancelled, exchange };
}

function response(changes: Partial<JsonResponse> = {}): JsonResponse {
  const body = Buffer.alloc(0);
  return { kind: "response", status: 200, headers: [], url: undefined, body, ...changes };
}

test("answer: head with the job's URL and the measured time, body, end", () => {
  const { heard, exchange } = setup();
  exchange.answer(response({ status: 404, body: Buffer.from("abc") }), 142);
  assert.equal(heard.head?.status, 404);
  assert.equal(heard.head?.url, OPEN.url);
  assert.equal(heard.head?.timings.ttfbMs, 42);
  assert.equal(heard.bytes, 3);
  assert.equal(heard.ended, 1);
});

test("answer: the body comes in pieces, 1 MiB ahead of the reader", () => {
  const { heard, exchange } = setup();
  const body = Buffer.alloc(3 * MIB, "x");
  exchange.answer(response({ body }), 100);
  assert.equal(heard.bytes, MIB);
  assert.equal(heard.chunks[0]?.length, 65_536);
  assert.equal(heard.ended, 0);
  exchange.consume(65_536);
  assert.equal(heard.bytes, MIB + 65_536);
  exchange.consume(MIB);
  exchange.consume(MIB);
  assert.equal(heard.bytes, 3 * MIB);
  assert.equal(heard.ended, 1);
});

test("answer: a reader that gives credit back at once gets all in order, and one end", () => {
  const { heard, exchange } = setup();
  heard.onChunk = (chunk) => exchange.consume(chunk.length);
  const body = Buffer.from(Uint8Array.from({ length: 2 * MIB }, (_, index) => index >> 8));
  exchange.answer(response({ body }), 100);
  assert.deepEqual(Buffer.concat(heard.chunks), body);
  assert.equal(heard.ended, 1);
});

test("faults G8: abort while running cancels at the agent and drops the answer", () => {
  const { heard, cancelled, exchange } = setup();
  exchange.abort("cancelled", "Client went away");
  exchange.abort("cancelled", "Client went away");
  exchange.answer(response(), 100);
  assert.deepEqual(cancelled, ["job_1"]);
  assert.equal(heard.head, undefined);
});

test("abort: while the body is handed on, nothing more comes", () => {
  const { heard, cancelled, exchange } = setup();
  heard.onChunk = () => exchange.abort("response_too_large", "Enough");
  exchange.answer(response({ body: Buffer.alloc(MIB) }), 100);
  exchange.consume(65_536);
  assert.equal(heard.chunks.length, 1);
  assert.equal(heard.ended, 0);
  assert.deepEqual(cancelled, []);
});

test("faults G9, G10, F12: a response that is wrong fails before anything is passed on", () => {
  const failed = (answer: Partial<JsonResponse>, open: Partial<OpenHttp> = {}) => {
    const { heard, exchange } = setup(open);
    exchange.answer(response(answer), 100);
    assert.equal(heard.head, undefined);
    return heard.error?.code;
  };
  const body = Buffer.from("abc");
  assert.equal(failed({ status: 99 }), "agent_protocol_error");
  assert.equal(failed({ status: 1000 }), "agent_protocol_error");
  assert.equal(failed({ headers: ["a", "b\r\nc: d"] }), "agent_protocol_error");
  assert.equal(failed({ url: "javascript:alert(1)" }), "agent_protocol_error");
  assert.equal(failed({ headers: ["content-length", "4"], body }), "response_truncated");
  assert.equal(failed({ headers: ["content-length", "2"], body }), "response_truncated");
  assert.equal(failed({ body }, { maxResponseBytes: 2 }), "response_too_large");
});

test("answer: the agent's failure with and without a code", () => {
  const coded = setup();
  coded.exchange.answer({ kind: "failure", code: "dns_failed", message: "No such name" }, 100);
  assert.equal(coded.heard.error?.code, "dns_failed");
  const plain = setup();
  plain.exchange.answer({ kind: "failure", code: undefined, message: "It broke" }, 100);
  assert.equal(plain.heard.error?.code, "connection_reset");
});
