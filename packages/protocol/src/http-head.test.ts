import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { announcedBodyBytes, checkHeaderList, checkHttpHead } from "./http-head.ts";
import { MAX_HEADER_BYTES, MAX_HEADERS } from "./limits.ts";
import type { HttpHead } from "./message.ts";

const HEAD: HttpHead = {
  kind: "http",
  status: 200,
  headers: ["content-type", "text/plain"],
  url: "https://example.com/",
  redirects: 0,
  timings: { dnsMs: 0, connectMs: 0, tlsMs: 0, ttfbMs: 0 },
};

test("checkHttpHead: passes ordinary heads", () => {
  assert.equal(checkHttpHead(HEAD), undefined);
  const headers = ["Set-Cookie", "a=1", "Set-Cookie", "b=\t2", "x-empty", "", "x-latin", "é"];
  assert.equal(checkHttpHead({ ...HEAD, status: 999, headers }), undefined);
  const resend = { url: "https://example.com/next?a=b", headers };
  assert.equal(checkHttpHead({ ...HEAD, status: 307, resend }), undefined);
});

test("faults G9: a status that is no final one is refused", () => {
  for (const status of [-1, 0, 99, 100, 101, 199, 1000, 200.5, Number.NaN, "200" as never]) {
    assert.equal(checkHttpHead({ ...HEAD, status })?.code, "agent_protocol_error", String(status));
  }
});

test("faults G9: header names that are no tokens and values with CR, LF, NUL are refused", () => {
  const lists = [
    ["", "x"],
    ["a b", "x"],
    ["a:", "x"],
    ["a\r\nb", "x"],
    ["naïve", "x"],
    ["a", "x\r\nSet-Cookie: y"],
    ["a", "x\n"],
    ["a", "x\0"],
    ["a", "\u007f"],
    ["a", "\u0100"],
    ["a"],
  ];
  for (const headers of lists) {
    assert.equal(checkHttpHead({ ...HEAD, headers })?.code, "agent_protocol_error");
    const resend = { url: "https://example.com/", headers };
    assert.equal(checkHttpHead({ ...HEAD, resend })?.code, "agent_protocol_error");
  }
});

test("checkHttpHead: refuses URLs that are none", () => {
  for (const url of ["", "file:///etc/passwd", "https://", "https://a b/", "https://a/\r\nb"]) {
    assert.equal(checkHttpHead({ ...HEAD, url })?.code, "agent_protocol_error", url);
    const resend = { url, headers: [] };
    assert.equal(checkHttpHead({ ...HEAD, resend })?.code, "agent_protocol_error", url);
  }
});

test("checkHeaderList: bounds number and size", () => {
  const many = (count: number) => Array.from({ length: count }, () => ["a", "b"]).flat();
  assert.equal(checkHeaderList(many(MAX_HEADERS)), undefined);
  assert.equal(checkHeaderList(many(MAX_HEADERS + 1))?.code, "agent_protocol_error");
  assert.equal(checkHeaderList(["a", "b".repeat(MAX_HEADER_BYTES - 1)]), undefined);
  assert.equal(checkHeaderList(["a", "b".repeat(MAX_HEADER_BYTES)])?.code, "agent_protocol_error");
});

test("checkHeaderList: whatever it passes can be written as header lines", () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: "binary", maxLength: 8 }), { maxLength: 6 }),
      (headers) => {
        if (checkHeaderList(headers) !== undefined) return;
        for (const text of headers) assert.doesNotMatch(text, /[\r\n\0]|[^\0-\u{ff}]/u);
      },
    ),
  );
});

test("announcedBodyBytes: by Content-Length, whatever its case", () => {
  const announced = (headers: string[], status = 200) =>
    announcedBodyBytes("GET", { ...HEAD, status, headers });
  assert.equal(announced([]), undefined);
  assert.equal(announced(["Content-Length", "0"]), 0);
  assert.equal(announced(["content-length", "10485760"]), 10_485_760);
  assert.equal(announced(["content-length", "5", "content-length", "5"]), 5);
  assert.equal(announced(["content-length", "5, 5"]), 5);
  assert.equal(announced(["content-length", "5", "transfer-encoding", "chunked"]), undefined);
});

test("announcedBodyBytes: HEAD, 204 and 304 have no body, whatever they announce", () => {
  const head = { ...HEAD, headers: ["content-length", "5"] };
  assert.equal(announcedBodyBytes("HEAD", head), 0);
  assert.equal(announcedBodyBytes("GET", { ...head, status: 204 }), 0);
  assert.equal(announcedBodyBytes("GET", { ...head, status: 304 }), 0);
});

test("faults G10: malformed and differing lengths are refused", () => {
  for (const value of ["", "-1", "+5", "0x5", "5.0", "5 6", "1e3", "9".repeat(16), "5,", "5, 6"]) {
    const head = { ...HEAD, headers: ["content-length", value] };
    assert.throws(() => announcedBodyBytes("GET", head), { code: "agent_protocol_error" }, value);
  }
  const twice = { ...HEAD, headers: ["content-length", "5", "Content-Length", "6"] };
  assert.throws(() => announcedBodyBytes("GET", twice), { code: "agent_protocol_error" });
});
