import assert from "node:assert/strict";
import { test } from "node:test";
import { PARK_MS, TakeoverGuard } from "./takeover-guard.ts";

test("faults G12: the fourth takeover within a minute parks the identity for a minute", () => {
  const guard = new TakeoverGuard();
  assert.deepEqual(
    [1, 2, 3].map((second) => guard.allow(second * 1_000)),
    [true, true, true],
  );
  assert.equal(guard.parked(4_000), false);
  assert.equal(guard.allow(4_000), false);
  assert.equal(guard.parked(4_000 + PARK_MS - 1), true);
  assert.equal(guard.parked(4_000 + PARK_MS), false);
  assert.equal(guard.allow(4_000 + PARK_MS), true);
});

test("TakeoverGuard: takeovers further apart are reconnects", () => {
  const guard = new TakeoverGuard();
  for (let index = 0; index < 100; index++) assert.equal(guard.allow(index * 20_000), true);
});
