import assert from "node:assert/strict";
import { test } from "node:test";
import { Liveness } from "./liveness.ts";

test("faults G14: Liveness takes a peer for dead after two intervals without a byte, not before", () => {
  const liveness = new Liveness(1000, false, 0);
  liveness.received(500);
  assert.equal(liveness.isDead(2499), false);
  assert.equal(liveness.isDead(2500), true);
});

test("Liveness asks after a silent interval; where the round trip matters, each interval", () => {
  const silent = new Liveness(1000, false, 0);
  const active = new Liveness(1000, true, 0);
  active.ping(0);
  for (const liveness of [silent, active]) liveness.received(900);
  assert.deepEqual([silent.pingDue(1000), active.pingDue(1000)], [false, true]);
  assert.deepEqual([silent.pingDue(1900), silent.nextTimeoutMs()], [true, 1900]);
});

test("Liveness measures by the answer to the newest ping only, once", () => {
  const liveness = new Liveness(1000, true, 0);
  const old = liveness.ping(0);
  const newest = liveness.ping(1000);
  liveness.pong(old, 1010);
  liveness.pong(0, 1010);
  liveness.pong(newest + 1, 1010);
  assert.equal(liveness.rttMs, undefined);
  liveness.pong(newest, 1080);
  assert.equal(liveness.rttMs, 80);
  liveness.pong(newest, 5000);
  assert.equal(liveness.rttMs, 80);
});

test("Liveness remembers the shortest round trip, until the line has changed", () => {
  const liveness = new Liveness(1000, true, 0);
  for (const [atMs, rttMs] of [
    [0, 80],
    [1000, 30],
    [2000, 900],
  ] as const) {
    liveness.pong(liveness.ping(atMs), atMs + rttMs);
  }
  assert.equal(liveness.shortestRttMs, 30);
  for (let atMs = 3000; atMs < 11_000; atMs += 1000) liveness.pong(liveness.ping(atMs), atMs + 200);
  assert.equal(liveness.shortestRttMs, 200);
});
