import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MAX_TIMED_DOMAINS, ResponseTimes, UNKNOWN_MS } from "./response-times.ts";

const A = { name: "a" };

describe("ResponseTimes", () => {
  it("keeps domains apart", () => {
    const times = new ResponseTimes<typeof A>();
    times.measured(A, "near.example", { ms: 20, nowMs: 0 });
    times.measured(A, "far.example", { ms: 300, nowMs: 0 });
    assert.equal(times.expectedMs(A, "near.example", 0), 20);
    assert.equal(times.expectedMs(A, "far.example", 0), 300);
    assert.equal(times.expectedMs(A, "other.example", 0), undefined);
  });

  it("takes an agent that is asked for the first time for a slow one, until it answers", () => {
    const times = new ResponseTimes<typeof A>();
    times.asked(A, "near.example", 0);
    assert.equal(times.expectedMs(A, "near.example", 0), UNKNOWN_MS);
    times.measured(A, "near.example", { ms: 20, nowMs: 5 });
    assert.equal(times.expectedMs(A, "near.example", 5), 20);
    times.asked(A, "near.example", 6);
    assert.ok(times.expectedMs(A, "near.example", 6)! <= 20);
  });

  it("averages, and fades while nothing is measured", () => {
    const times = new ResponseTimes<typeof A>();
    times.measured(A, "near.example", { ms: 100, nowMs: 0 });
    times.measured(A, "near.example", { ms: 200, nowMs: 0 });
    assert.equal(Math.round(times.expectedMs(A, "near.example", 0)!), 110);
    assert.equal(Math.round(times.expectedMs(A, "near.example", 30_000)!), 40);
  });

  it("remembers a bounded number of domains", () => {
    const times = new ResponseTimes<typeof A>();
    for (let domain = 0; domain <= MAX_TIMED_DOMAINS; domain++) {
      times.measured(A, `${domain}.example`, { ms: 1, nowMs: 0 });
    }
    assert.equal(times.expectedMs(A, "0.example", 0), undefined);
    assert.equal(times.expectedMs(A, "1.example", 0), 1);
  });
});
