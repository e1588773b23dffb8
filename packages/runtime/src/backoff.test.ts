import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "./backoff.ts";

const almostOne = () => 0.999_999;
const delays = (backoff: Backoff, count: number): number[] =>
  Array.from({ length: count }, () => Math.ceil(backoff.nextDelayMs(0) / 1000));

test("Backoff bounds its delays by 5 s, then 2, 4, 8, 16 and 30 s for ever (faults F4)", () => {
  const backoff = new Backoff({ random: almostOne });
  assert.deepEqual(delays(backoff, 9), [5, 2, 4, 8, 16, 30, 30, 30, 30]);
});

test("Backoff uses the whole range below the bound", () => {
  assert.equal(new Backoff({ random: () => 0 }).nextDelayMs(0), 0);
  assert.equal(new Backoff({ random: () => 0.5 }).nextDelayMs(0), 2500);
  const spread = new Backoff().nextDelayMs(0);
  assert.ok(spread >= 0 && spread < 5000);
});

test("Backoff starts anew after a link that held 30 s, not after a shorter one", () => {
  const backoff = new Backoff({ random: almostOne });
  delays(backoff, 3);
  backoff.succeeded(100_000);
  assert.equal(Math.ceil(backoff.nextDelayMs(129_999) / 1000), 8);
  backoff.succeeded(200_000);
  assert.equal(Math.ceil(backoff.nextDelayMs(230_000) / 1000), 5);
});

test("Backoff counts a healthy link once", () => {
  const backoff = new Backoff({ random: almostOne });
  backoff.succeeded(0);
  backoff.nextDelayMs(60_000);
  assert.equal(Math.ceil(backoff.nextDelayMs(120_000) / 1000), 2, "the link was long gone");
});

test("Backoff.reset forgets failures, after a wake from sleep (faults F23)", () => {
  const backoff = new Backoff({ random: almostOne });
  delays(backoff, 6);
  backoff.reset();
  assert.ok(backoff.nextDelayMs(0) < 5000);
});
