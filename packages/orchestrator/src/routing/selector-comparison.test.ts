import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Selector, type SelectionStrategy } from "./selector.ts";
import { agents, randomFrom, wish, type Agent } from "./wish-fixture.ts";

const anyone = wish();

function selectorOf(records: Agent[], strategy: SelectionStrategy, seed = 1): Selector<Agent> {
  return new Selector({ pool: { records }, strategy, random: randomFrom(seed) });
}

/** Counts how often a field of the agents is read from now on. */
function countReads(pool: readonly Agent[], field: "draining" | "inFlight" | "labels") {
  const reads = { count: 0 };
  for (const record of pool) {
    const value = record[field];
    Object.defineProperty(record, field, { get: () => (reads.count++, value) });
  }
  return reads;
}

describe("Selector, whom it compares", () => {
  // Whatever the dice say.
  const seeds = Array.from({ length: 20 }, (_, seed) => seed);

  it("least-busy: all of a small pool, by their shares", () => {
    for (const seed of seeds) {
      const pool = agents(16, () => ({ inFlight: 2 }));
      pool[seed % 16]!.maxConcurrency = 100;
      pool[seed % 16]!.inFlight = 3;
      const picked = selectorOf(pool, "least-busy", seed).select(anyone, 0);
      assert.equal(picked, pool[seed % 16], `seed ${seed}`);
    }
  });

  it("fastest: in a small pool, whoever is not known yet", () => {
    for (const seed of seeds) {
      const pool = agents(16);
      const selector = selectorOf(pool, "fastest", seed);
      for (const record of pool.toSpliced(seed % 16, 1)) {
        selector.succeeded(record, anyone, { ms: 20, nowMs: 0 });
      }
      assert.equal(selector.select(anyone, 0), pool[seed % 16], `seed ${seed}`);
    }
  });

  for (const strategy of ["random", "least-busy", "fastest"] as const) {
    it(`${strategy}: a few of ten thousand; when all are busy, everybody once`, () => {
      const pool = agents(10_000);
      const selector = selectorOf(pool, strategy);
      const looks = countReads(pool, "draining");
      assert.ok(selector.select(anyone, 0));
      assert.ok(looks.count <= 4, `${looks.count}`);
      const busy = agents(10_000, () => ({ inFlight: 8 }));
      const reads = countReads(busy, "inFlight");
      assert.equal(selectorOf(busy, strategy).select(anyone, 0), undefined);
      assert.ok(reads.count <= 10_012, `${reads.count}`);
    });
  }
});

describe("Selector, fastest, failures", () => {
  it("takes an agent for no slower because a client has gone", () => {
    const pool = agents(2);
    const selector = selectorOf(pool, "fastest");
    selector.succeeded(pool[0]!, anyone, { ms: 30, nowMs: 0 });
    selector.succeeded(pool[1]!, anyone, { ms: 300, nowMs: 0 });
    for (const code of ["cancelled", "response_too_large"] as const) {
      selector.failed(pool[0]!, anyone, { code, ms: 1, nowMs: 0 });
      assert.equal(selector.select(anyone, 0), pool[0], code);
    }
  });
});

describe("Selector, round-robin, whose turn it is", () => {
  it("is the same when a session asks for its exit in between", () => {
    const pool = agents(3);
    const selector = selectorOf(pool, "round-robin");
    const picks = Array.from({ length: 6 }, () => {
      assert.equal(selector.select(wish({}, { only: pool[2]! }), 0), pool[2]);
      return selector.select(anyone, 0)?.name;
    });
    assert.deepEqual(picks, ["a0", "a1", "a2", "a0", "a1", "a2"]);
  });

  it("goes on among the few of a large pool that match, who are listed once a second", () => {
    const pool = agents(1_000, (index) => ({ labels: { site: index % 300 === 0 ? "here" : "" } }));
    const compared = countReads(pool, "labels");
    const selector = selectorOf(pool, "round-robin");
    const here = wish({ labels: { site: "here" } });
    const picks = Array.from({ length: 8 }, (_, turn) => selector.select(here, turn)?.name);
    const round = ["a0", "a300", "a600", "a900"];
    assert.deepEqual(picks, [...round, ...round]);
    assert.ok(compared.count <= 1_000 + 8, `${compared.count}`);
  });
});
