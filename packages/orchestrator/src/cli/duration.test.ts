import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDuration } from "./duration.ts";

test("parseDuration: seconds, minutes, hours and days", () => {
  assert.equal(parseDuration("90s"), 90_000);
  assert.equal(parseDuration("30m"), 1_800_000);
  assert.equal(parseDuration("12h"), 43_200_000);
  assert.equal(parseDuration("30d"), 2_592_000_000);
});

test("parseDuration: refuses anything else", () => {
  for (const text of ["", "30", "d", "0d", "-1d", "1.5h", "1w", "1 d", "9999999d"]) {
    assert.throws(() => parseDuration(text), { code: "invalid_request" }, text);
  }
});
