import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  Breaker,
  FAILURES_TO_OPEN,
  FIRST_COOL_DOWN_MS,
  MAX_COOL_DOWN_MS,
  MAX_PROBE_MS,
} from "./breaker.ts";

/** A breaker that has just opened at 0. */
function opened(): Breaker {
  const breaker = new Breaker();
  for (let failure = 0; failure < FAILURES_TO_OPEN; failure++) breaker.failed(0);
  return breaker;
}

describe("Breaker", () => {
  it("opens at the third failure in a row", () => {
    const breaker = new Breaker();
    breaker.failed(1);
    breaker.failed(2);
    assert.equal(breaker.isOpen, false);
    assert.equal(breaker.coolUntilMs(2), 0);
    breaker.failed(3);
    assert.equal(breaker.isOpen, true);
    assert.equal(breaker.coolUntilMs(3), 3 + FIRST_COOL_DOWN_MS);
  });

  it("takes no notice of failures while it cools down", () => {
    const breaker = opened();
    breaker.failed(FIRST_COOL_DOWN_MS - 1);
    assert.equal(breaker.coolUntilMs(1), FIRST_COOL_DOWN_MS);
    assert.equal(breaker.coolUntilMs(FIRST_COOL_DOWN_MS), 0);
  });

  it("lets one probe go: others are to stay away until it has told", () => {
    const breaker = opened();
    const dueMs = FIRST_COOL_DOWN_MS;
    breaker.chosen(dueMs - 1);
    assert.equal(breaker.coolUntilMs(dueMs), 0);
    breaker.chosen(dueMs);
    assert.equal(breaker.coolUntilMs(dueMs), dueMs + MAX_PROBE_MS);
    breaker.chosen(dueMs + 1);
    assert.equal(breaker.coolUntilMs(dueMs + 1), dueMs + MAX_PROBE_MS);
  });

  it("cools down twice as long after a probe that failed, up to a bound", () => {
    const breaker = opened();
    let nowMs = FIRST_COOL_DOWN_MS;
    let coolDownMs = FIRST_COOL_DOWN_MS;
    for (let probe = 0; probe < 12; probe++) {
      breaker.chosen(nowMs);
      breaker.failed(nowMs + 10);
      coolDownMs = Math.min(coolDownMs * 2, MAX_COOL_DOWN_MS);
      assert.equal(breaker.coolUntilMs(nowMs + 10), nowMs + 10 + coolDownMs);
      nowMs += 10 + coolDownMs;
    }
    assert.equal(coolDownMs, MAX_COOL_DOWN_MS);
  });

  it("after a probe that failed, older work neither lengthens nor shortens the cool-down", () => {
    const breaker = opened();
    breaker.chosen(FIRST_COOL_DOWN_MS);
    breaker.failed(FIRST_COOL_DOWN_MS);
    breaker.failed(FIRST_COOL_DOWN_MS + 1);
    breaker.undecided(FIRST_COOL_DOWN_MS + 2);
    assert.equal(breaker.coolUntilMs(FIRST_COOL_DOWN_MS + 2), 3 * FIRST_COOL_DOWN_MS);
  });

  it("takes a failure that comes when a probe is due for that of a probe", () => {
    const breaker = opened();
    breaker.failed(FIRST_COOL_DOWN_MS);
    assert.equal(breaker.coolUntilMs(FIRST_COOL_DOWN_MS), 3 * FIRST_COOL_DOWN_MS);
  });

  it("lets the next probe go when one ended without a word, or never ends", () => {
    for (const how of ["undecided", "silent"]) {
      const breaker = opened();
      breaker.chosen(FIRST_COOL_DOWN_MS);
      const nowMs = FIRST_COOL_DOWN_MS + (how === "silent" ? MAX_PROBE_MS : 100);
      if (how === "undecided") breaker.undecided(nowMs);
      assert.equal(breaker.coolUntilMs(nowMs), 0, how);
      breaker.chosen(nowMs);
      assert.ok(breaker.coolUntilMs(nowMs) > nowMs, how);
    }
  });

  it("work that ends without a word shortens no cool-down", () => {
    const breaker = opened();
    breaker.undecided(1);
    assert.equal(breaker.coolUntilMs(1), FIRST_COOL_DOWN_MS);
  });

  it("whatever happens: a probe is always due again within the longest cool-down", () => {
    const step = fc.record({
      do: fc.constantFrom("failed" as const, "chosen" as const, "undecided" as const),
      waitMs: fc.nat(MAX_COOL_DOWN_MS),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const breaker = new Breaker();
        let nowMs = 0;
        for (const each of steps) {
          nowMs += each.waitMs;
          breaker[each.do](nowMs);
          assert.ok(breaker.coolUntilMs(nowMs) <= nowMs + MAX_COOL_DOWN_MS);
        }
        assert.equal(breaker.coolUntilMs(nowMs + MAX_COOL_DOWN_MS), 0);
      }),
    );
  });
});
