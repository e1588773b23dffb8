import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { Alarm } from "./alarm.ts";

describe("Alarm", () => {
  let rung: number[];
  let alarm: Alarm;

  beforeEach(() => {
    mock.timers.enable({ apis: ["setTimeout", "Date"] });
    rung = [];
    alarm = new Alarm(Date.now, () => rung.push(Date.now()));
  });

  afterEach(() => mock.timers.reset());

  it("rings once, at the earliest of several times", () => {
    for (const atMs of [300, 100, 200, Number.POSITIVE_INFINITY]) alarm.ringBy(atMs);
    mock.timers.tick(99);
    assert.deepEqual(rung, []);
    mock.timers.tick(1);
    mock.timers.tick(1_000);
    assert.deepEqual(rung, [100]);
  });

  it("takes a time while it rings, and rings at once for one that has passed", () => {
    const again = new Alarm(Date.now, () => {
      if (rung.push(Date.now()) === 1) again.ringBy(150);
    });
    again.ringBy(100);
    mock.timers.tick(100);
    mock.timers.tick(50);
    assert.deepEqual(rung, [100, 150]);
    again.ringBy(10);
    mock.timers.tick(0);
    assert.equal(rung.length, 3);
  });

  it("never rings for a time that does not come, nor after stop", () => {
    alarm.ringBy(Number.POSITIVE_INFINITY);
    alarm.ringBy(100);
    alarm.stop();
    mock.timers.tick(1_000);
    assert.deepEqual(rung, []);
  });
});
