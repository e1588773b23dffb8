import assert from "node:assert/strict";
import { test } from "node:test";
import { judgeAddress } from "./target-policy.ts";
import { localNetworks } from "./target-policy-local.ts";

test("localNetworks: faults G17, the home's own public IPv6 network is refused", () => {
  const local = localNetworks({
    lo: [{ cidr: "127.0.0.1/8" }, { cidr: "::1/128" }],
    eth0: [{ cidr: "192.168.1.20/24" }, { cidr: "2a02:8070:1:2:aaaa::1/64" }, { cidr: null }],
    none: undefined,
  });
  assert.equal(local.length, 4);
  assert.equal(judgeAddress("2a02:8070:1:2::99", [], local)?.code, "target_forbidden");
  assert.equal(judgeAddress("2a02:8070:1:3::99", [], local), undefined);
});

test("localNetworks reads this machine's interfaces by default", () => {
  assert.ok(Array.isArray(localNetworks()));
});
