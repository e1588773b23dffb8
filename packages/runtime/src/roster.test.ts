import assert from "node:assert/strict";
import { test } from "node:test";
import { youngSurvivors } from "@porchlight/testkit/young-survivors";
import { NO_SEAT, Roster } from "./roster.ts";

const member = (name: string) => ({ name, seat: NO_SEAT });

const names = (roster: Roster<ReturnType<typeof member>>) =>
  [...roster].map(({ name }) => name).toSorted();

test("Roster holds what was added and not deleted", () => {
  const roster = new Roster<ReturnType<typeof member>>();
  const [a, b, c] = [member("a"), member("b"), member("c")];
  for (const each of [a, b, c]) roster.add(each);
  assert.equal(roster.delete(b), true);
  assert.deepEqual(names(roster), ["a", "c"]);
  const d = member("d");
  roster.add(d);
  assert.equal(roster.size, 3);
  assert.deepEqual(names(roster), ["a", "c", "d"]);
});

test("Roster.delete: says whether it was there, also when its seat has been given to another", () => {
  const roster = new Roster<ReturnType<typeof member>>();
  const [a, b] = [member("a"), member("b")];
  assert.equal(roster.delete(a), false);
  roster.add(a);
  assert.equal(roster.delete(a), true);
  roster.add(b);
  assert.equal(roster.delete(a), false);
  assert.deepEqual(names(roster), ["b"]);
});

test("Roster: each may be deleted while all are looked at", () => {
  const roster = new Roster<ReturnType<typeof member>>();
  for (const name of ["a", "b", "c"]) roster.add(member(name));
  const seen: string[] = [];
  for (const each of roster) {
    seen.push(each.name);
    for (const other of roster) roster.delete(other);
  }
  assert.deepEqual(seen, ["a"]);
  assert.equal(roster.size, 0);
});

test("Roster holds nothing that has left it", async () => {
  const roster = new Roster<ReturnType<typeof member>>();
  const present = Array.from({ length: 4 }, (_, index) => member(`old ${index}`));
  for (const each of present) roster.add(each);
  const survivors = await youngSurvivors(500, (index) => {
    const passing = member(`passing ${index}`);
    roster.add(passing);
    present.push(passing);
    const [left] = present.splice(0, 1);
    if (left !== undefined) roster.delete(left);
    return passing;
  });
  assert.ok(survivors < 50, `${survivors} of 500`);
  assert.equal(roster.size, 4);
});
