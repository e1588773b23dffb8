import assert from "node:assert/strict";
import { test } from "node:test";
import { VirtualClock } from "@porchlight/testkit/virtual-clock";
import { WakeWatch } from "./wake-watch.ts";

/** A wall clock beside the monotonic one, which stands still while the machine sleeps. */
function setUp() {
  const clock = new VirtualClock();
  let asleepMs = 0;
  let wakes = 0;
  const wallMs = (): number => 1_900_000_000_000 + clock.nowMs + asleepMs;
  const watch = new WakeWatch({ clock, wallMs, onWake: () => (wakes += 1) });
  return {
    clock,
    watch,
    wakes: () => wakes,
    sleep: (ms: number) => (asleepMs += ms),
  };
}

test("faults F23: an hour of sleep is seen within two seconds of the wake-up, once", () => {
  const { clock, sleep, wakes } = setUp();
  clock.advance(60_000);
  assert.equal(wakes(), 0);
  sleep(3_600_000);
  clock.advance(2_000);
  assert.equal(wakes(), 1);
  clock.advance(60_000);
  assert.equal(wakes(), 1);
});

test("WakeWatch: short delays of a busy machine, and a clock set back, are no wake-ups", () => {
  const { clock, sleep, wakes } = setUp();
  for (const ms of [5_000, 9_000, -3_600_000]) {
    sleep(ms);
    clock.advance(2_000);
  }
  assert.equal(wakes(), 0);
});

test("WakeWatch: stopped, it leaves no timer", () => {
  const { clock, watch } = setUp();
  watch.stop();
  assert.equal(clock.nextMs, undefined);
});
