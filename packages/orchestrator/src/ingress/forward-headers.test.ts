import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { clientHeaders, sentTrailers, switchHeaders, targetHeaders } from "./forward-headers.ts";

/** `"Name: value"` lines as a header list. */
function list(...lines: readonly string[]): string[] {
  return lines.flatMap((line) => {
    const mark = line.indexOf(":");
    return [line.slice(0, mark), line.slice(mark + 1).trim()];
  });
}

function toTarget(headers: readonly string[], facts: { isOld?: true; isUpgrade?: true } = {}) {
  const defaults = {
    isOld: false,
    isUpgrade: false,
    authority: "example.com",
    maxForwards: undefined,
  };
  return targetHeaders({ ...defaults, ...facts, headers });
}

function toClient(headers: readonly string[], status = 200, takesTrailers = true): string[] {
  return clientHeaders({ status, headers, takesTrailers });
}

test("targetHeaders: order, case, repetition and values stay; Host is the URL's, in its place", () => {
  const headers = list(
    "X-B: 1",
    "hOST: other.example",
    "x-b: 2",
    "Accept: */*",
    "X-B: 3",
    "Authorization: Basic x",
  );
  headers.push("X-Latin", "\u{e9}");
  const expected = [...headers];
  expected[3] = "example.com";
  assert.deepEqual(toTarget(headers), expected);
});

test("targetHeaders: without a Host (HTTP/1.0) there is one, first", () => {
  assert.deepEqual(toTarget(list("A: 1")), list("Host: example.com", "A: 1"));
});

test("faults P9: hop-by-hop headers and those named by Connection are not sent on", () => {
  const headers = list(
    "Host: example.com",
    "Connection: keep-alive, X-Named",
    "Keep-Alive: timeout=5",
    "Proxy-Connection: keep-alive",
    "Proxy-Authorization: Basic secret",
    "PROXY-ANYTHING: x",
    "TE: trailers",
    "Upgrade: h2c",
    "Trailer: X-T",
    "x-named: gone",
    "connection: second",
    "Second: gone",
    "X-Kept: 1",
  );
  assert.deepEqual(toTarget(headers), list("Host: example.com", "X-Kept: 1"));
});

test("faults P6: Connection cannot take away what frames the body, nor Host", () => {
  const headers = list(
    "Host: h",
    "Connection: Host, Content-Length, Transfer-Encoding",
    "Content-Length: 3",
  );
  assert.deepEqual(toTarget(headers), list("Host: example.com", "Content-Length: 3"));
  const chunked = list(
    "Connection: transfer-encoding",
    "Host: h",
    "Transfer-Encoding: Chunked",
    "Trailer: X-T",
  );
  assert.deepEqual(
    toTarget(chunked),
    list("Host: example.com", "Transfer-Encoding: Chunked", "Trailer: X-T"),
  );
});

test("faults P11: Expect goes on, but not of an HTTP/1.0 client", () => {
  const headers = list("Host: h", "Expect: 100-continue");
  assert.deepEqual(toTarget(headers), list("Host: example.com", "Expect: 100-continue"));
  assert.deepEqual(toTarget(headers, { isOld: true }), list("Host: example.com"));
});

test("faults P12: a change to WebSocket goes on, and nothing else that Connection names", () => {
  const headers = list(
    "Host: h",
    "Connection: keep-alive, Upgrade, X-Named",
    "Upgrade: websocket",
    "X-Named: gone",
    "Keep-Alive: 1",
    "Sec-WebSocket-Key: k",
  );
  assert.deepEqual(
    toTarget(headers, { isUpgrade: true }),
    list("Host: example.com", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: k"),
  );
});

test("faults P10: Max-Forwards says what is left", () => {
  const headers = list("Host: h", "MAX-Forwards: 7");
  assert.deepEqual(toTarget(headers), list("Host: example.com", "MAX-Forwards: 7"));
  const facts = {
    isOld: false,
    isUpgrade: false,
    authority: "example.com",
    maxForwards: 6,
    headers,
  };
  assert.deepEqual(targetHeaders(facts), list("Host: example.com", "MAX-Forwards: 6"));
});

test("targetHeaders: one Host whatever comes, nothing of ours, every other line in order", () => {
  const name = fc.constantFrom(
    ..."Host host Connection Upgrade TE Proxy-X Keep-Alive A a B Via".split(" "),
  );
  const line = fc.tuple(name, fc.constantFrom("a", "close", "B, upgrade", ""));
  fc.assert(
    fc.property(fc.array(line), fc.boolean(), (lines, isUpgrade) => {
      const facts = { isOld: false, authority: "example.com", maxForwards: undefined };
      const sent = targetHeaders({ ...facts, headers: lines.flat(), isUpgrade });
      const names = sent.filter((_, index) => index % 2 === 0);
      assert.equal(names.filter((it) => it.toLowerCase() === "host").length, 1);
      assert.ok(!names.some((it) => /^(?:te|proxy-x|keep-alive)$/i.test(it)));
      if (!isUpgrade) assert.ok(!names.some((it) => /^(?:connection|upgrade)$/i.test(it)));
      const via = lines.filter(([it]) => it === "Via").map(([, value]) => value);
      assert.deepEqual(
        sent.filter((_, index) => sent[index - 1] === "Via"),
        via,
      );
    }),
  );
});

test("faults P9: clientHeaders: nothing of the target's connection, nothing in our name", () => {
  const headers = list(
    "Date: now",
    "Set-Cookie: a",
    "Connection: close, X-Named",
    "Keep-Alive: timeout=5",
    "Transfer-Encoding: chunked",
    "Proxy-Status: porchlight; error=x",
    "Proxy-Authenticate: Basic",
    "Porchlight-Exit: agent_forged",
    "Upgrade: h2c",
    "X-Named: gone",
    "set-cookie: b",
    "X-Request-Id: theirs",
    "Trailer: X-T",
  );
  assert.deepEqual(
    toClient(headers),
    list("Date: now", "Set-Cookie: a", "set-cookie: b", "X-Request-Id: theirs", "Trailer: X-T"),
  );
  assert.deepEqual(
    toClient(headers, 200, false),
    list("Date: now", "Set-Cookie: a", "set-cookie: b", "X-Request-Id: theirs"),
  );
});

test("clientHeaders: Content-Length stays, also when Connection names it, but not with 204", () => {
  const headers = list("Connection: content-length", "Content-Length: 5");
  assert.deepEqual(toClient(headers), list("Content-Length: 5"));
  assert.deepEqual(toClient(headers, 304), list("Content-Length: 5"));
  assert.deepEqual(toClient(headers, 204), []);
});

test("faults P12: switchHeaders: the change of protocols goes to the client", () => {
  const headers = list(
    "Upgrade: websocket",
    "Connection: keep-alive, upgrade, x-named",
    "Sec-WebSocket-Accept: a",
    "X-Named: gone",
    "Porchlight-Exit: forged",
    "Proxy-Status: x",
  );
  assert.deepEqual(
    switchHeaders(headers),
    list("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Accept: a"),
  );
});

test("faults P13: sentTrailers: in order, case and repetition, and none that a trailer cannot be", () => {
  const trailers = list(
    "X-T: 1",
    "x-t: 2",
    "Content-Length: 5",
    "Connection: x",
    "Host: h",
    "Porchlight-Exit: f",
  );
  assert.deepEqual(sentTrailers(trailers), [
    ["X-T", "1"],
    ["x-t", "2"],
  ]);
});
