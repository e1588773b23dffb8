import assert from "node:assert/strict";
import { it } from "node:test";
import { compileFilter } from "./exit-filter.ts";
import { Shortlists } from "./shortlist.ts";

it("Shortlists forgets the filter first seen, beyond 256", () => {
  const shortlists = new Shortlists({ records: [] });
  const filters = Array.from({ length: 300 }, (_, index) => compileFilter({ agent: `a${index}` }));
  const states = filters.map((filter) => shortlists.of(filter, 0));
  assert.equal(shortlists.size, 256);
  assert.equal(shortlists.of(filters[299]!, 0), states[299]);
  assert.notEqual(shortlists.of(filters[0]!, 0), states[0]);
  assert.equal(shortlists.size, 256);
});
