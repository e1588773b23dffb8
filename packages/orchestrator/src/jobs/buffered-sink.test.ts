import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { BufferedSink } from "./buffered-sink.ts";

describe("BufferedSink", () => {
  it("gives the bytes back in order, whatever the pieces", () => {
    const lengths = fc.array(fc.oneof(fc.nat(40), fc.nat(10_000), fc.constantFrom(4_096, 65_536)), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(lengths, (pieces) => {
        const sink = new BufferedSink(Number.POSITIVE_INFINITY);
        const expected: Buffer[] = [];
        let consumedBytes = 0;
        for (const [index, length] of pieces.entries()) {
          const piece = Buffer.alloc(length, index);
          expected.push(piece);
          sink.data(piece, (bytes) => (consumedBytes += bytes));
        }
        assert.ok(sink.body().equals(Buffer.concat(expected)));
        assert.equal(consumedBytes, sink.body().length);
        assert.equal(sink.truncated, false);
      }),
      { numRuns: 50 },
    );
  });

  it("keeps a copy: what it was lent may be overwritten", () => {
    const sink = new BufferedSink(100);
    const lent = Buffer.from("body");
    sink.data(lent, () => undefined);
    lent.fill(0);
    assert.equal(sink.body().toString(), "body");
  });

  it("keeps no more than maxBytes, says so, and goes on consuming", () => {
    const sink = new BufferedSink(5);
    let consumedBytes = 0;
    for (const text of ["abc", "def", "ghi"]) {
      sink.data(Buffer.from(text), (bytes) => (consumedBytes += bytes));
    }
    assert.equal(sink.body().toString(), "abcde");
    assert.equal(sink.truncated, true);
    assert.equal(consumedBytes, 9);
  });

  it("holds a body sent byte by byte in little more than its size", () => {
    const sink = new BufferedSink(Number.POSITIVE_INFINITY);
    for (let sent = 0; sent < 300_000; sent++) sink.data(new Uint8Array(1), () => {});
    assert.equal(sink.body().length, 300_000);
    // 64 loose bytes, then collections of 64 KiB.
    assert.ok(sink.pieces <= 64 + 5);
  });

  it("starts again after reset", () => {
    const sink = new BufferedSink(4);
    sink.data(Buffer.from("first"), () => {});
    sink.reset();
    assert.equal(sink.truncated, false);
    sink.data(Buffer.from("2nd"), () => {});
    assert.equal(sink.body().toString(), "2nd");
    assert.equal(sink.serving, undefined);
  });
});
