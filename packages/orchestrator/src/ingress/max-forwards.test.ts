import assert from "node:assert/strict";
import { test } from "node:test";
import { maxForwards, ownAnswer } from "./max-forwards.ts";

const URL = "http://example.com/a?b";

function limit(method: string, ...values: readonly string[]): number | undefined {
  return maxForwards({ method, url: URL, headers: values.flatMap((it) => ["max-FORWARDS", it]) });
}

test("faults P10: maxForwards limits OPTIONS and TRACE, and no other method", () => {
  assert.equal(limit("OPTIONS", "0"), 0);
  assert.equal(limit("TRACE", "10"), 10);
  assert.equal(limit("TRACE"), undefined);
  assert.equal(limit("GET", "0"), undefined);
  assert.equal(limit("POST", "x"), undefined);
});

test("faults P10: a limit that is no number is refused", () => {
  for (const value of ["", "-1", "1.5", "1e3", "0x1", "1, 2", "9999999999"]) {
    assert.throws(() => limit("TRACE", value), { code: "invalid_header" }, value);
  }
});

test("faults P10: ownAnswer: OPTIONS says what is understood here", () => {
  const { status, headers, body } = ownAnswer({ method: "OPTIONS", url: URL, headers: [] });
  assert.equal(status, 200);
  assert.match(headers["Allow"] ?? "", /\bGET\b.*\bCONNECT\b.*\bOPTIONS\b/);
  assert.equal(body, "");
});

test("faults P10, F27: ownAnswer: TRACE reflects the request without its secrets", () => {
  const headers = [
    "Host",
    "example.com",
    "Authorization",
    "s",
    "PROXY-Authorization",
    "s",
    "cookie",
    "s",
    "X-A",
    "1",
  ];
  const { headers: answered, body } = ownAnswer({ method: "TRACE", url: URL, headers });
  assert.equal(answered["Content-Type"], "message/http");
  assert.equal(body, `TRACE ${URL} HTTP/1.1\r\nHost: example.com\r\nX-A: 1\r\n\r\n`);
});
