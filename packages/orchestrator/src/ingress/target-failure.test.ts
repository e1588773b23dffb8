import assert from "node:assert/strict";
import { test } from "node:test";
import { targetFailure } from "./target-failure.ts";

test("targetFailure: what the parser was reading does not go along, it is lent memory", () => {
  const error = Object.assign(new Error("Parse Error"), {
    code: "HPE_INVALID_CONSTANT",
    rawPacket: Buffer.from("garbage"),
  });
  const failure = targetFailure(error, "head", "a:80");
  assert.equal(failure.code, "target_protocol_error");
  assert.equal(failure.message, "a:80 did not answer in proper HTTP");
  assert.equal(failure.cause, error);
  assert.ok(!("rawPacket" in error));
});
