import assert from "node:assert/strict";
import { test } from "node:test";
import { LineAllowance } from "./line-allowance.ts";

test("LineAllowance.take: so many lines, and the next one tells how many were left out", () => {
  const lines = new LineAllowance({ burst: 2, perSecond: 10 }, 0);
  assert.deepEqual(lines.take(0), {});
  assert.deepEqual(lines.take(0), {});
  for (let count = 0; count < 5; count++) assert.equal(lines.take(50), undefined);
  assert.deepEqual(lines.take(100), { suppressed: 5 });
  assert.equal(lines.take(100), undefined);
  assert.deepEqual(lines.take(10_000), { suppressed: 1 });
  assert.deepEqual(lines.take(10_000), {});
});
