import assert from "node:assert/strict";
import { it } from "node:test";
import { RecentMap } from "./recent-map.ts";

it("RecentMap: forgets what was set longest ago, and nothing that fits", () => {
  const map = new RecentMap<string, number>(2);
  map.set("a", 1);
  map.set("b", 2);
  map.set("a", 3);
  map.set("c", 4);
  assert.deepEqual([map.get("a"), map.get("b"), map.get("c")], [3, undefined, 4]);
  assert.equal(map.size, 2);
  map.delete("a");
  map.set("d", 5);
  assert.deepEqual([...map.values()], [4, 5]);
});
