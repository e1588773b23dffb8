import assert from "node:assert/strict";
import { test } from "node:test";
import type { HttpHead } from "@porchlight/protocol/message";
import { rawHead } from "./raw-head.ts";
import { EXIT } from "./test-fakes.ts";

const OURS = ["X-Request-Id", "req_1", "Porchlight-Job", "job_1"];
const EXIT_HEADERS = ["Porchlight-Exit", "agent_1", "Porchlight-Attempts", "2"];

function headersOf(headers: string[], { status = 200, method = "GET" } = {}): readonly string[] {
  const timings = { dnsMs: 0, connectMs: 0, tlsMs: 0, ttfbMs: 0 };
  const head: HttpHead = { kind: "http", status, headers, url: "http://a/", redirects: 0, timings };
  const attempts = [
    { agent: "agent_2", error: "agent_lost" as const, ms: 1 },
    { agent: "agent_1", ms: 1 },
  ];
  const { headers: list } = rawHead(
    { head, exit: EXIT, attempts },
    { id: "job_1", method, requestId: "req_1" },
  );
  assert.deepEqual(list.slice(-OURS.length - EXIT_HEADERS.length), [...OURS, ...EXIT_HEADERS]);
  return list.slice(0, -OURS.length - EXIT_HEADERS.length);
}

test("rawHead: order, case and repetition of the target's headers are kept", () => {
  const headers = ["B", "1", "a", "2", "SET-cookie", "x", "Set-Cookie", "y"];
  assert.deepEqual(headersOf(headers), headers);
});

test("rawHead: headers of the target's connection are dropped, those named by Connection too", () => {
  const hopByHop = ["Keep-Alive", "TE", "Trailer", "Upgrade", "Proxy-Status", "Proxy-Connection"];
  const list = hopByHop.flatMap((name) => [name, "x"]);
  const named = ["Connection", "close, X-Hop", "x-hop", "1", "X-End", "2"];
  assert.deepEqual(headersOf([...list, ...named]), ["X-End", "2"]);
});

test("rawHead: a target cannot speak as Porchlight", () => {
  const headers = ["Porchlight-Exit", "agent_9", "PORCHLIGHT-x", "1", "X-Request-Id", "theirs"];
  assert.deepEqual(headersOf(headers), []);
});

test("rawHead: Content-Length where it frames the answer, and only once", () => {
  const length = ["content-length", "5"];
  assert.deepEqual(headersOf(length), ["Content-Length", "5"]);
  assert.deepEqual(headersOf([...length, ...length]), ["Content-Length", "5"]);
  assert.deepEqual(headersOf(["Content-Length", "5, 5"]), ["Content-Length", "5"]);
  assert.deepEqual(headersOf([...length, "Transfer-Encoding", "chunked"]), []);
  assert.deepEqual(headersOf(length, { method: "HEAD" }), ["Content-Length", "0"]);
  for (const status of [204, 304]) {
    assert.deepEqual(headersOf(length, { status }), []);
    assert.deepEqual(headersOf(length, { status, method: "HEAD" }), []);
  }
});

test("rawHead: says that the session has moved", () => {
  const timings = { dnsMs: 0, connectMs: 0, tlsMs: 0, ttfbMs: 0 };
  const head: HttpHead = {
    kind: "http",
    status: 200,
    headers: ["Porchlight-Session", "theirs"],
    url: "http://a/",
    redirects: 0,
    timings,
  };
  const session = { id: "cart", moved: true, expiresAt: "2026-01-31T00:00:00.000Z" };
  const { headers } = rawHead(
    { head, exit: EXIT, attempts: [], session },
    { id: "job_1", method: "GET", requestId: "req_1" },
  );
  assert.deepEqual(headers.slice(-2), ["Porchlight-Session", "moved"]);
  assert.ok(!headers.includes("theirs"));
});
