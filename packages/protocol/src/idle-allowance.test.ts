import assert from "node:assert/strict";
import { test } from "node:test";
import { IdleAllowance } from "./idle-allowance.ts";
import { IDLE_FRAME_BURST, LINK_BUDGET_BYTES } from "./limits.ts";

/** How many frames are taken until one is too many. */
function count(take: () => boolean): number {
  let taken = 0;
  while (taken < 1_000_000 && take()) taken++;
  return taken;
}

test("faults G5: IdleAllowance takes a burst of frames that carry nothing, and then as time passes", () => {
  const allowance = new IdleAllowance(0);
  assert.equal(
    count(() => allowance.take(0)),
    IDLE_FRAME_BURST,
  );
  assert.equal(
    count(() => allowance.take(100)),
    100,
  );
});

test("IdleAllowance takes what a stream's peer had credit for beside the burst, once", () => {
  const allowance = new IdleAllowance(0);
  allowance.expectLate(100_000 * 1000);
  const late = Math.floor(LINK_BUDGET_BYTES / 1000);
  assert.equal(
    count(() => allowance.takeLate(1000, 0)),
    late + IDLE_FRAME_BURST,
  );
  assert.equal(allowance.take(0), false);
});

test("faults G5: IdleAllowance counts a late frame of nothing as one of 256 bytes", () => {
  const allowance = new IdleAllowance(0);
  allowance.expectLate(0);
  assert.equal(
    count(() => allowance.takeLate(0, 0)),
    4 + IDLE_FRAME_BURST,
  );
});
