import assert from "node:assert/strict";
import { test } from "node:test";
import { judgeHead, MAX_REQUEST_HEADERS, type RequestHead } from "./head-check.ts";

const HOST = ["Host", "example.com"];

function head(rawHeaders: readonly string[], rest: Partial<RequestHead> = {}): RequestHead {
  return { method: "GET", url: "http://example.com/", httpVersion: "1.1", rawHeaders, ...rest };
}

function connect(rawHeaders: readonly string[]): RequestHead {
  return head(rawHeaders, { method: "CONNECT", url: "example.com:443" });
}

const good: readonly [what: string, head: RequestHead][] = [
  ["absolute form", head(HOST)],
  ["any scheme: the target is judged elsewhere", head(HOST, { url: "ftp://example.com/" })],
  ["a Host that is not the target's", head(["hOST", "other.example:8080"])],
  ["a Host with an address", head(["Host", "[::1]:80"])],
  ["chunked in any case", head([...HOST, "Transfer-Encoding", "Chunked"])],
  ["a length", head([...HOST, "Content-Length", "3"])],
  ["HTTP/1.0 without Host", head([], { httpVersion: "1.0" })],
  ["CONNECT", connect([...HOST, "Proxy-Authorization", "Basic eDp5"])],
  ["CONNECT that says it has no body", connect([...HOST, "Content-Length", "0"])],
  ["names that only look like it", head([...HOST, "Hos", "", "x-transfer-encodin", "gzip"])],
];

for (const [what, it] of good) {
  test(`judgeHead takes ${what}`, () => assert.equal(judgeHead(it), undefined));
}

const bad: readonly [fault: string, what: string, head: RequestHead][] = [
  ["P2", "origin form", head(HOST, { url: "/path" })],
  ["P5", "GET *", head(HOST, { url: "*" })],
  ["P2", "authority form with another method", head(HOST, { url: "example.com:80" })],
  ["P5", "two Hosts", head([...HOST, "host", "example.com"])],
  ["P5", "two Hosts in HTTP/1.0", head([...HOST, ...HOST], { httpVersion: "1.0" })],
  ["P5", "no Host", head([])],
  ["P5", "no Host with CONNECT", connect([])],
  ["P5", "an empty Host", head(["Host", ""])],
  ["P5", "a Host with user-info", head(["Host", "user@example.com"])],
  ["P5", "Hosts joined by a comma", head(["Host", "a.example, b.example"])],
  ["P5", "a Host with a path", head(["Host", "example.com/x"])],
  [
    "P6",
    "length and chunked",
    head([...HOST, "Content-Length", "3", "Transfer-Encoding", "chunked"]),
  ],
  ["P6", "two lengths", head([...HOST, "Content-Length", "3", "content-length", "3"])],
  ["P6", "chunked, identity", head([...HOST, "Transfer-Encoding", "chunked, identity"])],
  ["P6", "identity, chunked", head([...HOST, "Transfer-Encoding", "identity, chunked"])],
  ["P6", "gzip, chunked", head([...HOST, "Transfer-Encoding", "gzip, chunked"])],
  ["P6", "an empty coding", head([...HOST, "Transfer-Encoding", ""])],
  ["P6", "a coding with a space", head([...HOST, "Transfer-Encoding", " chunked"])],
  ["P6", "CONNECT with a length", connect([...HOST, "Content-Length", "3"])],
  ["P6", "CONNECT with a length that is no number", connect([...HOST, "Content-Length", "0x"])],
  [
    "P6",
    "CONNECT with two lengths",
    connect([...HOST, "Content-Length", "0", "content-length", "0"]),
  ],
  ["P6", "CONNECT with a coding", connect([...HOST, "Transfer-Encoding", "chunked"])],
  ["P6", "HTTP/0.9", head(HOST, { httpVersion: "0.9" })],
  ["P6", "HTTP/2.0", head(HOST, { httpVersion: "2.0" })],
  ["P1", "two keys", head([...HOST, "Proxy-Authorization", "a", "proxy-authorization", "a"])],
];

for (const [fault, what, it] of bad) {
  test(`faults ${fault}: ${what} is refused`, () => {
    const flaw = judgeHead(it);
    assert.equal(flaw?.error.code, "invalid_request");
    assert.equal(flaw.status, undefined);
  });
}

test("faults P8: over 100 headers are 431", () => {
  const extra = (count: number) => Array.from({ length: count }, (_, i) => [`X-${i}`, ""]).flat();
  assert.equal(judgeHead(head([...HOST, ...extra(MAX_REQUEST_HEADERS - 1)])), undefined);
  assert.equal(judgeHead(head([...HOST, ...extra(MAX_REQUEST_HEADERS)]))?.status, 431);
});

test("judgeHead: the refusal of origin form says what to do", () => {
  assert.match(judgeHead(head(HOST, { url: "/" }))?.error.message ?? "", /This is a proxy/);
});
