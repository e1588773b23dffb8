import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Pacing, type Pace } from "./pacing.ts";
import { Target } from "./target.ts";

const A = { name: "a" };
const B = { name: "b" };
const SHOP = new Target("www.shop.example");
const NEWS = new Target("news.example");

describe("Pacing", () => {
  it("sets requests of one exit to one domain apart", () => {
    const pacing = new Pacing<typeof A>({ perSecond: 0.5, concurrent: undefined });
    assert.equal(pacing.opensAtMs(A, SHOP), 0);
    pacing.begin(A, SHOP, 1_000);
    assert.equal(pacing.opensAtMs(A, new Target("api.shop.example:8443")), 3_000);
    assert.equal(pacing.opensAtMs(A, SHOP), 3_000);
    assert.equal(pacing.opensAtMs(A, NEWS), 0);
    assert.equal(pacing.opensAtMs(B, SHOP), 0);
  });

  it("bounds those under way, until one ends", () => {
    const pacing = new Pacing<typeof A>({ perSecond: undefined, concurrent: 2 });
    const first = pacing.begin(A, SHOP, 0);
    assert.equal(pacing.opensAtMs(A, SHOP), 0);
    pacing.begin(A, SHOP, 0);
    assert.equal(pacing.opensAtMs(A, SHOP), Number.POSITIVE_INFINITY);
    assert.equal(pacing.opensAtMs(A, NEWS), 0);
    first.end(5);
    first.end(6);
    assert.ok(pacing.opensAtMs(A, SHOP) <= 5);
    pacing.begin(A, SHOP, 6);
    assert.equal(pacing.opensAtMs(A, SHOP), Number.POSITIVE_INFINITY);
  });

  it("says its rules", () => {
    const rules = [
      new Pacing({ perSecond: 2, concurrent: undefined }).rules,
      new Pacing({ perSecond: undefined, concurrent: 1 }).rules,
      new Pacing({ perSecond: 0.5, concurrent: 3 }).rules,
    ];
    assert.deepEqual(rules, [
      "at most 2 requests per second",
      "at most 1 at a time",
      "at most 0.5 requests per second and 3 at a time",
    ]);
  });

  it("remembers a lane only while it holds somebody back", () => {
    const pacing = new Pacing<typeof A>({ perSecond: 1, concurrent: 1 });
    const paces = [A, B].map((exit, index) => pacing.begin(exit, SHOP, index));
    assert.equal(pacing.size, 2);
    paces[0]?.end(10);
    assert.equal(pacing.size, 2);
    pacing.begin(A, NEWS, 1_001).end(1_001);
    assert.equal(pacing.size, 2);
    paces[1]?.end(5_000);
    assert.equal(pacing.size, 0);
  });

  it("in any schedule: never more than n begin in a second, nor m are under way, and nothing is left", () => {
    const schedule = fc.record({
      perSecond: fc.option(fc.double({ min: 0.1, max: 50, noNaN: true }), { nil: undefined }),
      concurrent: fc.integer({ min: 1, max: 4 }),
      steps: fc.array(
        fc.record({
          waitMs: fc.oneof(fc.nat(20), fc.nat(2_000)),
          end: fc.boolean(),
          exit: fc.constantFrom(A, B),
          target: fc.constantFrom(SHOP, NEWS),
        }),
        { maxLength: 200 },
      ),
    });
    fc.assert(
      fc.property(schedule, ({ perSecond, concurrent, steps }) => {
        const pacing = new Pacing<typeof A>({ perSecond, concurrent });
        const begun = new Map<string, number[]>();
        const underWay: { lane: string; pace: Pace }[] = [];
        let nowMs = 0;
        for (const { waitMs, end, exit, target } of steps) {
          nowMs += waitMs;
          if (end) underWay.shift()?.pace.end(nowMs);
          if (pacing.opensAtMs(exit, target) > nowMs) continue;
          const lane = `${exit.name} ${target.domain}`;
          underWay.push({ lane, pace: pacing.begin(exit, target, nowMs) });
          begun.set(lane, [...(begun.get(lane) ?? []), nowMs]);
          assert.ok(underWay.filter((other) => other.lane === lane).length <= concurrent);
        }
        for (const times of begun.values()) {
          for (const [index, time] of times.entries()) {
            const within = times.slice(index).filter((other) => other < time + 1_000).length;
            assert.ok(within <= Math.max(1, Math.ceil(perSecond ?? Number.POSITIVE_INFINITY)));
          }
        }
        for (const { pace } of underWay) pace.end(nowMs);
        pacing.begin(A, SHOP, nowMs + 20_000).end(nowMs + 40_000);
        assert.equal(pacing.size, 0);
      }),
    );
  });
});
