import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BLOCK_BYTES, ReadBlocks, type ReadBlock } from "./read-blocks.ts";

const LARGE = 8 * 1024;

function acquire(blocks: ReadBlocks): ReadBlock {
  return blocks.acquire() ?? assert.fail("No block came");
}

test("ReadBlocks: a block is used again once it is released and nothing is kept of it", () => {
  const blocks = new ReadBlocks();
  const first = acquire(blocks);
  const kept = blocks.keep(first.bytes.subarray(0, LARGE));
  assert.equal(kept.buffer, first.bytes.buffer);
  blocks.release(first);
  const second = acquire(blocks);
  assert.notEqual(second, first);
  blocks.drop(kept);
  blocks.release(second);
  assert.equal(blocks.lent, 0);
  assert.ok([first, second].includes(acquire(blocks)));
});

test("ReadBlocks: a block that is still read into is not used again, whatever was dropped of it", () => {
  const blocks = new ReadBlocks();
  const block = acquire(blocks);
  blocks.drop(blocks.keep(block.bytes.subarray(0, LARGE)));
  assert.notEqual(acquire(blocks), block);
});

test("ReadBlocks: small pieces, and those of no block, are kept as copies", () => {
  const blocks = new ReadBlocks();
  const block = acquire(blocks);
  for (const piece of [block.bytes.subarray(0, 10), new Uint8Array(LARGE)]) {
    piece.fill(1);
    const kept = blocks.keep(piece);
    piece.fill(2);
    assert.ok(kept.every((byte) => byte === 1));
    blocks.drop(kept);
  }
  blocks.release(block);
  assert.equal(blocks.lent, 0);
});

test("ReadBlocks: small copies stand in one block, which is filled anew once none is needed", () => {
  const blocks = new ReadBlocks();
  const copies = ["a", "b"].map((text) => blocks.keep(Buffer.from(text)));
  assert.equal(copies[0]?.buffer, copies[1]?.buffer);
  assert.equal(copies.join(""), "ab");
  assert.equal(blocks.lent, 1);
  for (const copy of copies) blocks.drop(copy);
  assert.equal(blocks.lent, 0);
  const next = blocks.keep(Buffer.from("c"));
  assert.deepEqual([next.buffer, next.byteOffset], [copies[0]?.buffer, copies[0]?.byteOffset]);
});

test("ReadBlocks: a full block of copies is given back when the last of them is dropped", () => {
  const blocks = new ReadBlocks();
  const kept: Uint8Array[] = [];
  while (blocks.lent < 3) kept.push(blocks.keep(new Uint8Array(LARGE - 1)));
  for (const copy of kept) blocks.drop(copy);
  assert.equal(blocks.lent, 0);
});

test("faults F10: ReadBlocks copies into memory of its own what its blocks have no room for", () => {
  const blocks = new ReadBlocks(1);
  acquire(blocks);
  const copy = blocks.keep(Buffer.from("small"));
  assert.equal(String(copy), "small");
  assert.equal(blocks.lent, 1);
  blocks.drop(copy);
});

test("faults F10: ReadBlocks lends no more than its bound", () => {
  const blocks = new ReadBlocks(2);
  const first = acquire(blocks);
  acquire(blocks);
  assert.equal(blocks.acquire(), undefined);
  blocks.release(first);
  assert.ok(blocks.acquire());
});

test("ReadBlocks: nothing that is kept is ever overwritten", () => {
  const step = fc.record({
    bytes: fc.integer({ min: 1, max: BLOCK_BYTES }),
    keep: fc.boolean(),
    drop: fc.nat(3),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const blocks = new ReadBlocks(6);
      const held: { kept: Uint8Array; mark: number }[] = [];
      for (const [index, { bytes, keep, drop }] of steps.entries()) {
        const mark = index % 256;
        const block = blocks.acquire();
        const piece = (block?.bytes ?? Buffer.alloc(bytes)).subarray(0, bytes).fill(mark);
        if (keep) held.push({ kept: blocks.keep(piece), mark });
        if (block !== undefined) blocks.release(block);
        for (const { kept } of held.splice(0, drop)) blocks.drop(kept);
        for (const each of held) assert.ok(each.kept.every((byte) => byte === each.mark));
      }
      for (const { kept } of held) blocks.drop(kept);
      assert.equal(blocks.lent, 0);
    }),
  );
});

test("ReadBlocks: what is dropped once too often gives no block back twice", () => {
  const blocks = new ReadBlocks();
  const first = acquire(blocks);
  const kept = blocks.keep(first.bytes.subarray(0, LARGE));
  blocks.release(first);
  for (let times = 0; times < 2; times++) blocks.drop(kept);
  assert.equal(blocks.lent, 0);
  assert.notEqual(acquire(blocks), acquire(blocks));
});
