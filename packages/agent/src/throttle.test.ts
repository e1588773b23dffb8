import assert from "node:assert/strict";
import { test } from "node:test";
import type { StreamHandler } from "@porchlight/protocol/stream";
import { VirtualClock } from "@porchlight/testkit/virtual-clock";
import { FakeStream } from "./fake-stream.ts";
import { Throttle, ThrottledStream } from "./throttle.ts";

function setUp() {
  const clock = new VirtualClock();
  const throttle = new Throttle(1_000_000, clock);
  const inner = new FakeStream();
  const stream = new ThrottledStream(inner, throttle);
  let drains = 0;
  const handler: StreamHandler = {
    onHead: () => undefined,
    onData: () => undefined,
    onEnd: () => undefined,
    onDrain: () => (drains += 1),
    onError: () => undefined,
  };
  stream.attach(handler);
  return { clock, throttle, inner, stream, drains: () => drains };
}

test("ThrottledStream: a writer over the rate waits until the debt is paid", () => {
  const { clock, inner, stream, drains } = setUp();
  assert.equal(stream.write(Buffer.alloc(100_000)), true);
  assert.equal(stream.write(Buffer.alloc(500_000)), false);
  assert.equal(inner.chunks.length, 2);
  clock.advance(499);
  assert.equal(drains(), 0);
  clock.advance(1);
  assert.equal(drains(), 1);
});

test("ThrottledStream: the writer goes on only when both the throttle and the stream have room", () => {
  const { clock, inner, stream, drains } = setUp();
  inner.hasRoom = false;
  assert.equal(stream.write(Buffer.alloc(200_000)), false);
  clock.advance(1_000);
  assert.equal(drains(), 0);
  stream.onDrain();
  assert.equal(drains(), 1);
});

test("ThrottledStream: credit is held back while in debt, and none is lost", () => {
  const { clock, inner, stream } = setUp();
  stream.consume(100_000);
  assert.equal(inner.consumedBytes, 100_000);
  stream.consume(50_000);
  stream.consume(50_000);
  assert.equal(inner.consumedBytes, 100_000);
  clock.advance(50);
  assert.equal(inner.consumedBytes, 100_000);
  clock.advance(100);
  assert.equal(inner.consumedBytes, 200_000);
});

test("Throttle: in the long run all streams together keep the rate", () => {
  const { clock, throttle, inner, stream } = setUp();
  const other = new ThrottledStream(inner, throttle);
  const chunk = Buffer.alloc(10_000);
  let isBlocked = false;
  other.attach({
    onHead() {},
    onData() {},
    onEnd() {},
    onError() {},
    onDrain: () => (isBlocked = false),
  });
  for (let ms = 0; ms < 10_000; ms += 5) {
    while (!isBlocked) {
      stream.write(chunk);
      isBlocked = !other.write(chunk);
    }
    clock.advance(5);
  }
  const bytes = Buffer.concat(inner.chunks).length;
  assert.ok(bytes > 9_500_000 && bytes < 10_300_000, `${bytes} bytes in 10 s`);
});
