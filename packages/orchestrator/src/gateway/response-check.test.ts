import assert from "node:assert/strict";
import { test } from "node:test";
import { ResponseCheck } from "./response-check.ts";
import { HEAD, OPEN } from "./test-fakes.ts";

function check(length: string | undefined, changes: object = {}, open = OPEN): ResponseCheck {
  const response = new ResponseCheck(open);
  const headers = length === undefined ? [] : ["content-length", length];
  assert.equal(response.head({ ...HEAD, headers, ...changes }), undefined);
  return response;
}

test("ResponseCheck: a body as long as announced, or of no announced length, passes", () => {
  const announced = check("5");
  assert.equal(announced.data(2) ?? announced.data(3) ?? announced.end(), undefined);
  const open = check(undefined);
  assert.equal(open.data(1_000_000) ?? open.end(), undefined);
});

test("faults G10: a shorter body is response_truncated", () => {
  const short = check("5");
  assert.equal(short.data(4), undefined);
  assert.equal(short.end()?.code, "response_truncated");
});

test("faults G10: a longer body is response_truncated", () => {
  assert.equal(check("5").data(6)?.code, "response_truncated");
  assert.equal(check("5", { status: 204 }).data(1)?.code, "response_truncated");
  assert.equal(
    check(undefined, {}, { ...OPEN, method: "HEAD" }).data(1)?.code,
    "response_truncated",
  );
});

test("faults F12: beyond the job's limit it is response_too_large", () => {
  const limited = check(undefined, {}, { ...OPEN, maxResponseBytes: 10 });
  assert.equal(limited.data(10), undefined);
  assert.equal(limited.data(1)?.code, "response_too_large");
});

test("ResponseCheck: a redirect to be sent anew has no body, whatever it announced", () => {
  const resend = { url: "https://example.com/next", headers: [] };
  assert.equal(check("5", { status: 307, resend }).end(), undefined);
});

test("faults G9: heads that cannot be forwarded are agent_protocol_error", () => {
  const head = (changes: object) => new ResponseCheck(OPEN).head({ ...HEAD, ...changes })?.code;
  assert.equal(head({ status: 100 }), "agent_protocol_error");
  assert.equal(head({ headers: ["a", "b\r\nc: d"] }), "agent_protocol_error");
  assert.equal(head({ headers: ["content-length", "x"] }), "agent_protocol_error");
});
