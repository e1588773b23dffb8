import assert from "node:assert/strict";
import { test } from "node:test";
import { youngSurvivors } from "@porchlight/testkit/young-survivors";
import type { MuxStream } from "./mux-stream.ts";
import { StreamTable } from "./stream-table.ts";

const stream = (id: number, backlogBytes = 0) => ({ id, backlogBytes }) as MuxStream;

test("StreamTable finds streams by id until they are removed", () => {
  const table = new StreamTable();
  for (const id of [1, 2, 70_000, 2 ** 31 - 1]) table.add(stream(id));
  assert.equal(table.size, 4);
  assert.equal(table.get(70_000)?.id, 70_000);
  assert.equal(table.remove(stream(2)), true);
  assert.equal(table.remove(stream(2)), false);
  assert.equal(table.get(2), undefined);
  assert.deepEqual(
    table.all().map(({ id }) => id),
    [1, 70_000, 2 ** 31 - 1],
  );
  assert.equal(table.size, 3);
});

test("StreamTable.largestBacklog: the stream that holds most, if one holds anything", () => {
  const table = new StreamTable();
  table.add(stream(1));
  assert.equal(table.largestBacklog(), undefined);
  for (const [id, bytes] of [
    [2, 5],
    [3, 9],
    [4, 7],
  ] as const) {
    table.add(stream(id, bytes));
  }
  assert.equal(table.largestBacklog()?.id, 3);
});

test("StreamTable holds no stream that has been removed", async () => {
  const table = new StreamTable();
  for (let id = 1; id <= 4; id++) table.add(stream(id));
  const survivors = await youngSurvivors(500, (index) => {
    const passing = stream(5 + index);
    table.add(passing);
    table.remove(stream(1 + index));
    return passing;
  });
  assert.ok(survivors < 50, `${survivors} of 500`);
});
