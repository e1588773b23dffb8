import assert from "node:assert/strict";
import { test } from "node:test";
import { parseHours } from "@porchlight/runtime/settings-parsers";
import { VirtualClock } from "@porchlight/testkit/virtual-clock";
import { LimitWatch } from "./limit-watch.ts";
import type { OperatorLimits, Pause } from "./limits.ts";

/** A cap of 1 GB on the last evening of a month. */
function setUp(usedBefore = 0, limits: OperatorLimits = { hours: undefined, monthlyCapGb: 1 }) {
  const clock = new VirtualClock();
  const startMs = new Date(2031, 4, 31, 23, 0).getTime();
  const state = { runningBytes: 0 };
  const changes: (Pause | undefined)[] = [];
  const overdue: Pause[] = [];
  const watch = new LimitWatch({
    limits,
    clock,
    now: () => new Date(startMs + clock.nowMs),
    usedInMonth: () => Promise.resolve(usedBefore),
    runningBytes: () => state.runningBytes,
    onChange: (pause) => changes.push(pause),
    onOverdue: (pause) => overdue.push(pause),
  });
  return { clock, watch, changes, overdue, state };
}

test("LimitWatch: bytes of running work count, so that one long tunnel does not slip through", async () => {
  const { clock, watch, changes, overdue, state } = setUp(400_000_000);
  await watch.start();
  watch.used({ sentBytes: 100_000_000, receivedBytes: 100_000_000 });
  clock.advance(1_000);
  assert.deepEqual(changes, []);
  state.runningBytes = 400_000_000;
  clock.advance(5_000);
  assert.deepEqual(changes, [{ reason: "The month's 1 GB are used up", graceMs: 0 }]);
  assert.ok(overdue.length > 0);
});

test("LimitWatch: a new month begins at nothing", async () => {
  const { clock, watch, changes } = setUp(2e9);
  await watch.start();
  assert.equal(changes.length, 1);
  clock.advance(3_600_000);
  assert.deepEqual(changes.at(-1), undefined);
  assert.equal(watch.pause, undefined);
});

test("LimitWatch: what runs when the hours end has a minute", async () => {
  const hours = parseHours("22:00-23:30");
  const { clock, watch, changes, overdue } = setUp(0, { hours, monthlyCapGb: undefined });
  await watch.start();
  clock.advance(1_800_000);
  assert.equal(changes.length, 1);
  clock.advance(59_000);
  assert.deepEqual(overdue, []);
  clock.advance(1_000);
  assert.equal(overdue.length, 1);
});

test("LimitWatch: stopped, it leaves no timer", async () => {
  const { clock, watch } = setUp();
  await watch.start();
  assert.notEqual(clock.nextMs, undefined);
  watch.stop();
  assert.equal(clock.nextMs, undefined);
});
