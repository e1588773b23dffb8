import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SELECTION_STRATEGIES, Selector, type SelectionStrategy } from "./selector.ts";
import { agents, randomFrom, wish, type Agent } from "./wish-fixture.ts";

function selectorOf(records: Agent[], strategy: SelectionStrategy): Selector<Agent> {
  return new Selector({ pool: { records }, strategy, random: randomFrom(1) });
}

describe("Selector, exit health", () => {
  const shop = wish({}, { host: "shop.example" });
  const news = wish({}, { host: "news.example" });

  /** Lets an agent fail until it cools down. */
  function cool(selector: Selector<Agent>, record: Agent, nowMs = 0): void {
    for (let failure = 0; failure < 3; failure++) {
      selector.failed(record, shop, { code: "dns_failed", ms: 5_000, nowMs });
    }
  }

  for (const strategy of SELECTION_STRATEGIES) {
    for (const size of [2, 30, 200]) {
      it(`${strategy} of ${size}: prefers others for that target, and them alone for no other target`, () => {
        const pool = agents(size);
        const selector = selectorOf(pool, strategy);
        for (const record of pool.slice(1)) cool(selector, record);
        const picked = new Set<Agent | undefined>();
        for (let turn = 0; turn < 20; turn++) {
          if (size <= 30) assert.equal(selector.select(shop, 0), pool[0]);
          for (let again = 0; again < 2; again++) picked.add(selector.select(news, 0));
        }
        if (strategy !== "fastest") assert.ok(picked.size > 1);
      });

      it(`${strategy} of ${size}: when all cool down, the one that is due first serves`, () => {
        const pool = agents(size);
        const selector = selectorOf(pool, strategy);
        for (const [index, record] of pool.entries()) cool(selector, record, 1_000 - index);
        const found = selector.select(shop, 1_000);
        assert.ok(found !== undefined);
        if (size <= 30) assert.equal(found, pool.at(-1));
      });
    }
  }

  it("goes on with a probe once the cool-down is over, one at a time", () => {
    const pool = agents(2);
    const selector = selectorOf(pool, "round-robin");
    cool(selector, pool[0]!);
    const picks = Array.from({ length: 6 }, () => {
      const picked = selector.select(shop, 5_000)!;
      selector.chosen(picked, shop, 5_000);
      return picked.name;
    });
    assert.deepEqual(picks, ["a0", "a1", "a1", "a1", "a1", "a1"]);
    selector.succeeded(pool[0]!, shop, { ms: 1, nowMs: 5_001 });
    assert.equal(selector.select(shop, 5_001), pool[0]);
  });

  it("does not look at all of a large pool that cools down", () => {
    let looks = 0;
    const pool = agents(10_000);
    const selector = selectorOf(pool, "round-robin");
    for (const record of pool) cool(selector, record);
    for (const record of pool) {
      Object.defineProperty(record, "inFlight", { get: () => (looks++, 0) });
    }
    assert.ok(selector.select(shop, 0));
    assert.ok(looks <= 33, `${looks}`);
  });
});
