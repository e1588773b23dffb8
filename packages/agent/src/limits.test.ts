import assert from "node:assert/strict";
import { test } from "node:test";
import { parseHours } from "@porchlight/runtime/settings-parsers";
import { ByteRate } from "./byte-rate.ts";
import { formatHours, isWithinHours } from "./hours.ts";
import { pauseAt } from "./limits.ts";

function at(time: string): Date {
  return new Date(`2031-05-10T${time}:00`);
}

test("isWithinHours: the first minute counts, the last does not", () => {
  const day = parseHours("09:00-17:30");
  assert.deepEqual(
    ["08:59", "09:00", "17:29", "17:30"].map((time) => isWithinHours(day, at(time))),
    [false, true, true, false],
  );
});

test("isWithinHours: over midnight", () => {
  const night = parseHours("22:00-07:00");
  assert.deepEqual(
    ["21:59", "22:00", "00:00", "06:59", "07:00", "12:00"].map((time) =>
      isWithinHours(night, at(time)),
    ),
    [false, true, true, true, false, false],
  );
});

test("formatHours: as it was configured", () => {
  assert.equal(formatHours(parseHours("22:00-07:05")), "22:00-07:05");
});

test("pauseAt: the cap ends what runs at once, the hours leave it a minute", () => {
  const limits = { hours: parseHours("22:00-07:00"), monthlyCapGb: 1.5 };
  assert.equal(pauseAt(limits, at("23:00"), 1_499_999_999), undefined);
  assert.deepEqual(pauseAt(limits, at("23:00"), 1_500_000_000), {
    reason: "The month's 1.5 GB are used up",
    graceMs: 0,
  });
  assert.equal(pauseAt(limits, at("12:00"), 0)?.graceMs, 60_000);
  assert.equal(
    pauseAt({ hours: undefined, monthlyCapGb: undefined }, at("12:00"), 1e15),
    undefined,
  );
});

test("ByteRate: the long run keeps the rate, a debt is waited for", () => {
  const rate = new ByteRate(1_000_000, 0);
  assert.equal(rate.spend(100_000, 0), 0);
  assert.equal(rate.spend(50_000, 0), 50);
  assert.equal(rate.spend(0, 49), 1);
  assert.equal(rate.spend(0, 50), 0);
});

test("ByteRate: an idle time saves up a burst and no more", () => {
  const rate = new ByteRate(1_000_000, 0);
  rate.spend(100_000, 0);
  assert.equal(rate.spend(100_000, 3_600_000), 0);
  assert.equal(rate.spend(1_000, 3_600_000), 1);
});

test("ByteRate: a clock that goes back gives nothing", () => {
  const rate = new ByteRate(1_000_000, 1_000);
  rate.spend(100_000, 1_000);
  assert.equal(rate.spend(10_000, 0), 10);
});
