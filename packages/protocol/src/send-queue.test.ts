import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SendQueue } from "./send-queue.ts";

test("SendQueue gives every byte back in order, whatever is pushed and taken", () => {
  const step = fc.record({ push: fc.nat(3000), take: fc.nat(2500), times: fc.nat(30) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const queue = new SendQueue();
      let pushed = 0;
      let taken = 0;
      const takeOne = (maxBytes: number): void => {
        for (const byte of queue.take(maxBytes)) assert.equal(byte, taken++ & 0xff);
      };
      for (const { push, take, times } of steps) {
        const bytes = times > 15 ? push % 40 : push;
        for (let time = 0; time < times; time++) {
          queue.push(
            Uint8Array.from({ length: bytes }, () => pushed++ & 0xff),
            0,
          );
        }
        takeOne(take);
        assert.equal(queue.bytes, pushed - taken);
      }
      while (queue.bytes > 0) takeOne(1000);
      assert.equal(taken, pushed);
    }),
    { numRuns: 50 },
  );
});

test("SendQueue tells the room in front of a whole chunk, and of its first part only", () => {
  const queue = new SendQueue();
  queue.push(new Uint8Array(5000), 24);
  queue.push(new Uint8Array(10), 8);
  const rooms = [4000, 4000, 4000].map((bytes) => {
    queue.take(bytes);
    return queue.takenRoomBytes;
  });
  assert.deepEqual(rooms, [24, 0, 8]);
});

test("faults G5: a quarter of a million single bytes leave in few pieces", () => {
  const queue = new SendQueue();
  for (let byte = 0; byte < 262_144; byte++) queue.push(new Uint8Array(1), 0);
  let pieces = 0;
  for (; queue.bytes > 0; pieces++) queue.take(65_536);
  assert.equal(pieces, 16 + Math.ceil((262_144 - 16) / 16_384));
});
