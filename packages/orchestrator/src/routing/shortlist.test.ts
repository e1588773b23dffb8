import assert from "node:assert/strict";
import { it } from "node:test";
import { whereaboutsOf } from "../agents/location.ts";
import { compileFilter } from "./exit-filter.ts";
import { Selector } from "./selector.ts";
import { Shortlists } from "./shortlist.ts";
import { agent, agents, wish } from "./wish-fixture.ts";

it("Shortlists forgets the filter first seen, beyond 256", () => {
  const shortlists = new Shortlists({ records: [] });
  const filters = Array.from({ length: 300 }, (_, index) => compileFilter({ agent: `a${index}` }));
  const states = filters.map((filter) => shortlists.of(filter, 0));
  assert.equal(shortlists.size, 256);
  assert.equal(shortlists.of(filters[299]!, 0), states[299]);
  assert.notEqual(shortlists.of(filters[0]!, 0), states[0]);
  assert.equal(shortlists.size, 256);
});

it("Shortlists: an agent that has moved is found where it is now, and no more where it was", () => {
  const records = agents(500, (index) => ({
    whereabouts: whereaboutsOf({ country: index === 3 ? "DE" : "FR" }),
  }));
  const selector = new Selector({ pool: { records }, strategy: "random", random: () => 0.5 });
  const select = (country: string, nowMs: number) => selector.select(wish({ country }), nowMs);
  assert.equal(select("DE", 0), records[3]);
  assert.equal(select("US", 0), undefined);
  records[3]!.whereabouts = whereaboutsOf({ country: "US" });
  assert.equal(select("DE", 1), undefined);
  assert.equal(select("US", 1), records[3]);
});

it("Shortlists: an agent that comes to match has its turn after a second, in a small pool at once", () => {
  for (const [size, nowMs] of [
    [500, 1_001],
    [10, 1],
  ] as const) {
    const labels = { site: "here" };
    const records = agents(size, (index) => (index < 2 ? { labels } : {}));
    const selector = new Selector({ pool: { records }, strategy: "round-robin", random: () => 0 });
    selector.select(wish({ labels }), 0);
    records[9]!.labels = labels;
    const picks = Array.from({ length: 3 }, () => selector.select(wish({ labels }), nowMs)?.name);
    assert.deepEqual(picks, ["a1", "a9", "a0"], `${size}`);
  }
});

it("Shortlists: a new agent is at once among those that any work may go to", () => {
  const records = agents(100);
  const selector = new Selector({ pool: { records }, strategy: "round-robin", random: () => 0 });
  for (let turn = 0; turn < 100; turn++) selector.select(wish(), 0);
  records.push(agent("new"));
  assert.equal(selector.select(wish(), 1)?.name, "new");
});
