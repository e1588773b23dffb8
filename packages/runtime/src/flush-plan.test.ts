import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "./clock.ts";
import { FlushPlan } from "./flush-plan.ts";

const MANY_STREAMS = 3;

/** Turns of an event loop, one by one, and the output that has left. */
class Turns {
  readonly left: number[] = [];
  readonly #now: (() => void)[] = [];
  readonly #soon: (() => void)[] = [];
  #waiting = 0;
  readonly #plan: FlushPlan;

  constructor() {
    const clock: Clock = {
      nowMs: 0,
      schedule: () => () => undefined,
      next: (act) => void this.#now.push(act),
      soon: (act) => void this.#soon.push(act),
    };
    this.#plan = new FlushPlan(clock, () => {
      this.left.push(this.#waiting);
      this.#waiting = 0;
    });
  }

  /** A turn that brings so much output. */
  turn(output: number, streams = MANY_STREAMS): void {
    for (let count = 0; count < output; count++) {
      this.#waiting++;
      this.#plan.add(streams);
    }
    for (const act of this.#now.splice(0)) act();
    for (const act of this.#soon.splice(0)) act();
  }
}

test("FlushPlan: with few streams, output leaves at the end of the callback", () => {
  const turns = new Turns();
  turns.turn(2, 2);
  turns.turn(1, 1);
  assert.deepEqual(turns.left, [2, 1]);
});

test("FlushPlan: output waits while each turn brings more, and leaves with the first that does not", () => {
  const turns = new Turns();
  turns.turn(1);
  turns.turn(2);
  assert.deepEqual(turns.left, []);
  turns.turn(0);
  assert.deepEqual(turns.left, [3]);
  turns.turn(1);
  turns.turn(0);
  assert.deepEqual(turns.left, [3, 1]);
});

test("FlushPlan: twelve frames leave at the end of their turn", () => {
  const turns = new Turns();
  turns.turn(12);
  turns.turn(11);
  turns.turn(1);
  assert.deepEqual(turns.left, [12, 12]);
});

test("FlushPlan: nothing waits longer than five turns for more", () => {
  const turns = new Turns();
  for (let count = 0; count < 12; count++) turns.turn(1);
  assert.deepEqual(turns.left, [6, 6]);
});
