import assert from "node:assert/strict";
import { it } from "node:test";
import { whereaboutsOf } from "../agents/location.ts";
import { compileFilter } from "./exit-filter.ts";
import { Selector } from "./selector.ts";
import { Shortlists } from "./shortlist.ts";
import { agents, wish } from "./wish-fixture.ts";

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
