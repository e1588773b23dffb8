import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { matchesText } from "./matches-text.ts";

describe("matchesText", () => {
  it("takes the client's _ for itself and for a space", () => {
    for (const actual of ["home_1", "home 1"]) assert.ok(matchesText(actual, "home_1"), actual);
    assert.ok(matchesText("a b_c d", "a_b_c_d"));
  });

  it("takes nothing else for another letter", () => {
    for (const actual of ["home_1", "home-1", "home11", "Home 1", "home 12", "home ", ""]) {
      assert.ok(!matchesText(actual, "home 1"), actual);
    }
    for (const actual of ["home-1", "home1", "Home_1", "home 2", "ho e 1", "home 12", "home "]) {
      assert.ok(!matchesText(actual, "home_1"), actual);
    }
  });

  it("faults A5: what is missing, or no text, matches nothing", () => {
    // The constructor of an object is as long as "_".
    for (const actual of [undefined, Object, {}, ["_"], 1]) assert.ok(!matchesText(actual, "_"));
  });
});
