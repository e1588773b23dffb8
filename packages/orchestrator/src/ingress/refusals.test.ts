import assert from "node:assert/strict";
import { test } from "node:test";
import { NodeMetrics } from "../admin/metrics.ts";
import { Refusals } from "./refusals.ts";

test("Refusals: each door and each code is counted by itself, from the first one on", () => {
  const refusals = new Refusals();
  assert.deepEqual(refusals.counts, []);
  refusals.count("http", "unauthenticated");
  refusals.count("connect", "unauthenticated");
  refusals.count("http", "invalid_url");
  refusals.count("http", "unauthenticated");
  assert.deepEqual(refusals.counts, [
    { door: "http", code: "unauthenticated", count: 2 },
    { door: "connect", code: "unauthenticated", count: 1 },
    { door: "http", code: "invalid_url", count: 1 },
  ]);
});

test("Refusals: what has been read does not change any more", () => {
  const refusals = new Refusals();
  refusals.count("socks5", "forbidden");
  const before = refusals.counts;
  refusals.count("socks5", "forbidden");
  refusals.count("socks5", "rate_limited");
  assert.deepEqual(before, [{ door: "socks5", code: "forbidden", count: 1 }]);
});

/** The samples of `porchlight_proxy_refusals_total`. */
async function samples(metrics: NodeMetrics): Promise<string[]> {
  const text = await metrics.text();
  return text.split("\n").filter((line) => line.startsWith("porchlight_proxy_refusals_total{"));
}

test("Refusals: the metric tells each count since the start, however often it is read", async () => {
  const refusals = new Refusals();
  const metrics = new NodeMetrics({
    agents: { records: [] },
    jobs: { inFlight: 0 },
    waiting: { length: 0 },
    linkCounters: () => ({}),
    proxy: {
      connections: 0,
      get refusals() {
        return refusals.counts;
      },
    },
  });
  assert.deepEqual(await samples(metrics), []);
  refusals.count("http", "unauthenticated");
  const one = 'porchlight_proxy_refusals_total{door="http",code="unauthenticated"}';
  assert.deepEqual(await samples(metrics), [`${one} 1`]);
  assert.deepEqual(await samples(metrics), [`${one} 1`]);
  refusals.count("http", "unauthenticated");
  refusals.count("socks5", "unauthenticated");
  const other = 'porchlight_proxy_refusals_total{door="socks5",code="unauthenticated"}';
  assert.deepEqual(await samples(metrics), [`${one} 2`, `${other} 1`]);
});
