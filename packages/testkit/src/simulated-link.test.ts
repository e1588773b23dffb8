import assert from "node:assert/strict";
import { test } from "node:test";
import type { TransportHandler } from "@porchlight/protocol/transport";
import { simulatedLink } from "./simulated-link.ts";
import { VirtualClock } from "./virtual-clock.ts";

/** Notes what is heard, and when. */
function listener(clock: VirtualClock, heard: string[]): TransportHandler {
  return {
    onMessage: (message) => heard.push(`${clock.nowMs} ${Buffer.from(message).toString()}`),
    onDrain: () => heard.push(`${clock.nowMs} drain`),
    onClose: (code) => heard.push(`${clock.nowMs} close ${code}`),
  };
}

test("simulatedLink delivers in order after latency and line time", () => {
  const clock = new VirtualClock();
  const { a, b } = simulatedLink(clock, { latencyMs: 50, bytesPerSecond: 1000 });
  const heard: string[] = [];
  b.setHandler(listener(clock, heard));
  a.send({ parts: [Buffer.from("hello"), Buffer.from("!")], totalBytes: 6, roomBytes: 0 });
  a.send({ parts: [Buffer.from("you")], totalBytes: 3, roomBytes: 0 });
  a.close(1000, "done");
  clock.settle();
  assert.deepEqual(heard, ["56 hello!", "59 you", "59 close 1000"]);
});

test("simulatedLink tells the sender when what it handed over has left", () => {
  const clock = new VirtualClock();
  const { a } = simulatedLink(clock, { latencyMs: 50, bytesPerSecond: 1000, highWaterBytes: 5 });
  const heard: string[] = [];
  a.setHandler(listener(clock, heard));
  a.send({ parts: [Buffer.from("sixsix")], totalBytes: 6, roomBytes: 0 });
  assert.equal(a.bufferedBytes, 6);
  clock.settle();
  assert.deepEqual(heard, ["6 drain"]);
});

test("simulatedLink loses what is under way when it is cut, and tells nobody when it goes silent", () => {
  const clock = new VirtualClock();
  for (const [end, expected] of [
    ["cut", ["0 close 1006"]],
    ["silence", []],
  ] as const) {
    const link = simulatedLink(clock, { latencyMs: 50 });
    const heard: string[] = [];
    link.b.setHandler({ ...listener(new VirtualClock(), heard) });
    link.a.send({ parts: [Buffer.from("lost")], totalBytes: 4, roomBytes: 0 });
    link[end]();
    clock.settle();
    assert.deepEqual(heard, expected);
  }
});

test("VirtualClock does what is due together in the order it was scheduled, and calls off", () => {
  const clock = new VirtualClock();
  const done: string[] = [];
  clock.schedule(10, () => done.push("first"));
  const callOff = clock.schedule(10, () => done.push("never"));
  clock.schedule(10, () => done.push("second"));
  clock.schedule(5, () => clock.schedule(5, () => done.push("third")));
  callOff();
  clock.advance(9);
  assert.deepEqual(done, []);
  clock.advance(1);
  assert.deepEqual(done, ["first", "second", "third"]);
});

test("VirtualClock says so when it never settles", () => {
  const clock = new VirtualClock();
  const again = (): void => void clock.schedule(1, again);
  again();
  assert.throws(() => clock.settle(100), /100 tasks/);
});
