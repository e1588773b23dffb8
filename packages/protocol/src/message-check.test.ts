import assert from "node:assert/strict";
import { test } from "node:test";
import { ProtocolViolation } from "./frame.ts";
import { MAX_LABELS, MAX_NAME_CHARS } from "./limits.ts";
import { parseMessage, parseOpen } from "./message-check.ts";

const HELLO = {
  version: 1,
  agentVersion: "0.1.0",
  name: "attic",
  os: "linux",
  capabilities: ["tcp", "of the future"],
  maxConcurrency: 8,
  labels: { site: "berlin" },
  policy: {},
  takeover: true,
};

test("parseMessage takes what is right, and ignores members it does not know", () => {
  assert.deepEqual(parseMessage("hello", HELLO), HELLO);
  assert.ok(parseMessage("hello", { ...HELLO, ofTheFuture: 1 }));
});

test("faults G3: parseMessage names the field that is wrong", () => {
  const tooMany = Object.fromEntries(
    Array.from({ length: MAX_LABELS + 1 }, (_, n) => [`k${n}`, "v"]),
  );
  const wrong: [object, RegExp][] = [
    [{ name: "" }, /hello\/name/u],
    [{ name: "x".repeat(MAX_NAME_CHARS + 1) }, /hello\/name/u],
    [{ maxConcurrency: 0 }, /hello\/maxConcurrency/u],
    [{ maxConcurrency: "8" }, /hello\/maxConcurrency/u],
    [{ labels: { "": "v" } }, /hello\/labels/u],
    [{ labels: { ["k".repeat(MAX_NAME_CHARS + 1)]: "v" } }, /hello\/labels/u],
    [{ labels: { k: 1 } }, /hello\/labels/u],
    [{ labels: tooMany }, /hello\/labels/u],
    [{ takeover: undefined }, /hello/u],
  ];
  for (const [change, message] of wrong) {
    assert.throws(
      () => parseMessage("hello", { ...HELLO, ...change }),
      (error) => {
        assert.ok(error instanceof ProtocolViolation);
        assert.match(error.message, message);
        return true;
      },
    );
  }
});

test("faults G9: parseMessage refuses status codes that are none", () => {
  const head = {
    kind: "http",
    status: 200,
    headers: [],
    url: "http://example.com/",
    redirects: 0,
    timings: { dnsMs: 0, connectMs: 0, tlsMs: 0, ttfbMs: 1 },
  };
  assert.ok(parseMessage("head", head));
  for (const status of [99, 1000, "200", 200.5, null]) {
    assert.throws(() => parseMessage("head", { ...head, status }), ProtocolViolation);
  }
});

test("parseOpen judges by the kind that is named", () => {
  const open = { kind: "tcp", jobId: "job_1", host: "example.com", port: 443 };
  assert.deepEqual(parseOpen(open), open);
  assert.throws(() => parseOpen({ ...open, port: 0 }), /open\/port/u);
  assert.throws(() => parseOpen({ kind: "udp" }), ProtocolViolation);
  assert.throws(() => parseOpen(null), ProtocolViolation);
});
