import assert from "node:assert/strict";
import { test } from "node:test";
import { ProxyError } from "@porchlight/protocol/errors";
import type { OpenHttp } from "@porchlight/protocol/message";
import fc from "fast-check";
import { checkRequest } from "./request-check.ts";

function open(changes: Partial<OpenHttp>): OpenHttp {
  return {
    kind: "http",
    jobId: "job_1",
    account: "shop",
    method: "GET",
    url: "http://a.example:8080/x?y#z",
    headers: [],
    bodyBytes: 0,
    timeoutMs: 1_000,
    followRedirects: true,
    maxRedirects: 10,
    ...changes,
  };
}

function refusal(changes: Partial<OpenHttp>): string {
  try {
    checkRequest(open(changes));
    return "accepted";
  } catch (error) {
    return error instanceof ProxyError ? error.code : "another error";
  }
}

test("checkRequest: the URL without its fragment, the headers as given", () => {
  const request = checkRequest(open({ headers: ["X-B", "1", "x-a", "2", "X-B", "3"] }));
  assert.equal(request.url.href, "http://a.example:8080/x?y");
  assert.deepEqual(request.headers, ["X-B", "1", "x-a", "2", "X-B", "3"]);
});

test("faults G17: what no orchestrator should ask for is refused here too", () => {
  assert.equal(refusal({ method: "CONNECT" }), "invalid_request");
  assert.equal(refusal({ method: "TRACE" }), "invalid_request");
  assert.equal(refusal({ method: "GET /\r\n" }), "invalid_request");
  assert.equal(refusal({ url: "file:///etc/passwd" }), "invalid_url");
  assert.equal(refusal({ url: "http://u:p@a.example/" }), "invalid_url");
  assert.equal(refusal({ url: "nonsense" }), "invalid_url");
  assert.equal(refusal({ url: `http://a.example/${"é".repeat(4_000)}` }), "invalid_url");
});

test("faults A11, A12: header names and values that break the request or its framing are refused", () => {
  const bad = [
    ["X A", "1"],
    ["X:", "1"],
    ["", "1"],
    ["X-A", "1\r\nX-B: 2"],
    ["X-A", "a\0b"],
    ["X-A", "日本"],
    ["Connection", "close"],
    ["Transfer-Encoding", "chunked"],
    ["Proxy-Authorization", "x"],
    ["Upgrade", "h2c"],
    ["Host", "b.example"],
    ["Content-Length", "7"],
    ["X-A"],
    ["X-A", "x".repeat(70_000)],
  ];
  for (const headers of bad)
    assert.equal(refusal({ headers }), "invalid_header", headers.join(": "));
});

test("checkRequest: Host and Content-Length that agree are written anew, requests for more are dropped", () => {
  const headers = [
    "host",
    "A.example:8080",
    "Content-Length",
    "5",
    "Expect",
    "100-continue",
    "TE",
    "trailers",
  ];
  assert.deepEqual(checkRequest(open({ headers, bodyBytes: 5 })).headers, []);
});

test("checkRequest: whatever the headers hold, none that goes out breaks a line", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary" }), { maxLength: 8 }), (headers) => {
      if (refusal({ headers }) !== "accepted") return;
      const sent = checkRequest(open({ headers })).headers;
      assert.equal(
        sent.some((text) => /[\r\n\0]/.test(text)),
        false,
      );
    }),
  );
});
