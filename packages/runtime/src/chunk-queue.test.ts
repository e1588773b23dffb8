import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ChunkQueue } from "./chunk-queue.ts";

test("ChunkQueue gives back every byte in order, whatever the sizes", () => {
  const chunk = fc.uint8Array({ maxLength: 3000 });
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 60 }), (chunks) => {
      const queue = new ChunkQueue();
      for (const bytes of chunks) queue.push(bytes);
      const expected = Buffer.concat(chunks);
      assert.equal(queue.bytes, expected.length);
      assert.ok(Buffer.concat(queue.takeAll()).equals(expected));
      assert.equal(queue.bytes, 0);
      assert.deepEqual(queue.takeAll(), []);
    }),
  );
});

test("faults G5: ChunkQueue holds 100,000 one-byte chunks in a handful of blocks", () => {
  const queue = new ChunkQueue();
  for (let index = 0; index < 100_000; index++) queue.push(Uint8Array.of(index));
  assert.ok(queue.takeAll().length < 10);
});
