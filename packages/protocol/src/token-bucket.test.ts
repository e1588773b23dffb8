import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TokenBucket } from "./token-bucket.ts";

/** How many of `asked` tokens are given. */
function taken(bucket: TokenBucket, asked: number, nowMs: number): number {
  let count = 0;
  for (let turn = 0; turn < asked; turn++) if (bucket.take(nowMs)) count++;
  return count;
}

test("TokenBucket: a burst at once, then as many as time brings", () => {
  const bucket = new TokenBucket(10, 5, 1_000);
  assert.equal(taken(bucket, 100, 1_000), 10);
  assert.equal(taken(bucket, 100, 1_199), 0);
  assert.equal(taken(bucket, 100, 1_200), 1);
  assert.equal(taken(bucket, 100, 2_200), 5);
});

test("TokenBucket: a rest saves up one burst, also when part of the last one was left", () => {
  const bucket = new TokenBucket(10, 5, 0);
  assert.equal(taken(bucket, 5, 0), 5);
  assert.equal(taken(bucket, 100, 60_000), 10);
});

test("TokenBucket: what is refused costs nothing, and parts of a token add up", () => {
  const bucket = new TokenBucket(1, 4, 0);
  assert.equal(taken(bucket, 1, 0), 1);
  for (const nowMs of [50, 100, 150, 200]) assert.equal(bucket.take(nowMs), false);
  assert.equal(bucket.take(250), true);
});

test("TokenBucket: a clock that goes back brings nothing twice", () => {
  const bucket = new TokenBucket(10, 5, 0);
  assert.equal(taken(bucket, 10, 1_000), 10);
  assert.equal(taken(bucket, 100, 0), 0);
  assert.equal(taken(bucket, 100, 1_000), 0);
  assert.equal(taken(bucket, 100, 1_200), 1);
});

test("TokenBucket: never more than burst + perSecond × elapsed, in any window", () => {
  const steps = fc.array(fc.record({ restMs: fc.nat(3_000), asked: fc.nat(30) }), {
    maxLength: 20,
  });
  const rates = fc.record({ burst: fc.integer({ min: 1, max: 20 }), perSecond: fc.nat(20) });
  fc.assert(
    fc.property(rates, steps, ({ burst, perSecond }, rounds) => {
      const bucket = new TokenBucket(burst, perSecond, 0);
      const given: { nowMs: number; count: number }[] = [];
      let nowMs = 0;
      for (const { restMs, asked } of rounds) {
        nowMs += restMs;
        given.push({ nowMs, count: taken(bucket, asked, nowMs) });
        let inWindow = 0;
        for (const { nowMs: sinceMs, count } of given.toReversed()) {
          inWindow += count;
          const most = burst + ((nowMs - sinceMs) * perSecond) / 1000;
          assert.ok(inWindow <= most + 1e-9, `${inWindow} from ${sinceMs} to ${nowMs} ms`);
        }
      }
    }),
  );
});
