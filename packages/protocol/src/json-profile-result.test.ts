import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { decodeJsonResult, type JsonResponse } from "./json-profile-result.ts";

const OK = { statusCode: 200, headers: {}, body: "" };

function response(message: Record<string, unknown>): JsonResponse {
  const result = decodeJsonResult(message);
  assert.ok(result.kind === "response");
  return result;
}

test("decodeJsonResult: a response, header lists opened out", () => {
  const headers = { "content-type": "text/plain", "set-cookie": ["a=1", "b=2"] };
  assert.deepEqual(response({ statusCode: 404, headers, body: "YWJj", url: "https://a/" }), {
    kind: "response",
    status: 404,
    headers: ["content-type", "text/plain", "set-cookie", "a=1", "set-cookie", "b=2"],
    url: "https://a/",
    body: Buffer.from("abc"),
  });
});

test("decodeJsonResult: headers, body and error may be missing or null", () => {
  for (const message of [{ statusCode: 200 }, { ...OK, headers: null, body: null, error: null }]) {
    assert.deepEqual(response(message).headers, []);
    assert.equal(response(message).body.length, 0);
  }
});

test("decodeJsonResult: a plain message and a coded error", () => {
  assert.deepEqual(decodeJsonResult({ error: "it broke" }), {
    kind: "failure",
    code: undefined,
    message: "it broke",
  });
  const error = { code: "dns_failed", message: "no such name" };
  assert.deepEqual(decodeJsonResult({ error }), { kind: "failure", ...error });
  assert.deepEqual(decodeJsonResult({ error: { code: "x" } }), {
    kind: "failure",
    code: "x",
    message: "",
  });
});

test("faults F27: an agent's message loses queries, line breaks and length", () => {
  const error = `GET https://a.test/x?token=secret#y\r\nfailed\u001b[31m ${"x".repeat(10_000)}`;
  const result = decodeJsonResult({ error });
  assert.ok(result.kind === "failure");
  assert.match(result.message, /^GET https:\/\/a\.test\/x failed \[31m x+$/);
  assert.equal(result.message.length, 256);
});

test("faults G9: what makes no sense is invalid", () => {
  const wrong = [
    {},
    { ...OK, statusCode: "200" },
    { ...OK, headers: [] },
    { ...OK, headers: "a: b" },
    { ...OK, headers: { a: 1 } },
    { ...OK, headers: { a: ["b", null] } },
    { ...OK, headers: { a: { b: "c" } } },
    { ...OK, body: 1 },
    { error: 1 },
    { error: {} },
    { error: { code: 5 } },
  ];
  for (const message of wrong) {
    const result = decodeJsonResult(message);
    assert.ok(result.kind === "invalid", JSON.stringify(message));
    assert.equal(result.error.code, "agent_protocol_error");
  }
});

test("faults G9: a body that is not strict Base64 is invalid", () => {
  for (const body of [
    "Y",
    "YW",
    "YWJ",
    "YWJj\n",
    "YW Jj",
    "YW=j",
    "Y===",
    "YR==",
    "YWK=",
    "-_-_",
  ]) {
    assert.equal(decodeJsonResult({ ...OK, body }).kind, "invalid", body);
  }
});

test("decodeJsonResult: any bytes survive Base64", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const body = Buffer.from(bytes).toString("base64");
      assert.deepEqual(response({ ...OK, body }).body, Buffer.from(bytes));
    }),
  );
});

test("decodeJsonResult: a body the agent's client has decoded loses its encoding and length", () => {
  const body = Buffer.from("plain").toString("base64");
  const decoded = (headers: object, text = body) =>
    response({ ...OK, headers, body: text }).headers;
  const gzip = { "Content-Encoding": "gzip", "Content-Length": "90", etag: "x" };
  assert.deepEqual(decoded(gzip), ["etag", "x"]);
  assert.deepEqual(decoded({ "content-encoding": "gzip" }), []);
  assert.deepEqual(decoded({ "content-encoding": "br", "content-length": "90" }), []);
  assert.equal(decoded({ "content-encoding": "br", "content-length": "5" }).length, 4);
  assert.equal(decoded(gzip, "").length, 6);
  const stillEncoded = Buffer.from([0x1f, 0x8b, 8, 0]).toString("base64");
  assert.equal(decoded(gzip, stillEncoded).length, 6);
});
