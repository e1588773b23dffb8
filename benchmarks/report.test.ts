import assert from "node:assert/strict";
import { test } from "node:test";
import { LOADS } from "./loads.ts";
import { formatReport } from "./report.ts";
import { median, type Sample } from "./sample.ts";

function sample(load: string, contender: string, rate: number): Sample {
  return {
    load,
    contender,
    count: {
      requestsPerSecond: rate,
      megabytesPerSecond: rate,
      requests: rate * 2,
      errors: 0,
      not200: 0,
      seconds: 2,
      p50Us: 100,
      p99Us: 2500,
    },
    processes:
      contender === "direct" ? [] : [{ label: "orchestrator", cpuMs: 100, rssBytes: 50e6 }],
  };
}

test("formatReport gives medians, ratios and cost per request or per gigabyte", () => {
  const loads = LOADS.filter(({ name }) => name === "T1" || name === "Tbulk1");
  const samples = [100, 300, 200].map((rate) => sample("T1", "Porchlight", rate));
  samples.push(sample("T1", "direct", 400), sample("Tbulk1", "Porchlight", 500));
  const text = formatReport({ loads, contenders: ["direct", "Porchlight"], samples });
  assert.match(text, /\| T1 \| 400\/s \| 200\/s · 0\.250 ms \| 0\.50 \| 2\.5 \|/);
  assert.match(text, /\| Tbulk1 \| – \| 500 MB\/s · 0\.100 s\/GB \| – \| 2\.5 \|/);
  assert.match(text, /\| T1 \| Porchlight \| orchestrator \| 0\.250 ms \| 50 \|/);
});

test("median takes the middle of odd and even numbers of values", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.ok(Number.isNaN(median([])));
});
