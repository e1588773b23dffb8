import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  canonicalHost,
  contains,
  formatAddress,
  isLiteral,
  isLoopback,
  networkOf,
  parseAddress,
} from "./target-policy-address.ts";

const ODD_CHARACTERS = "[ ] : @ / \\ ? # % . - _ 0 1 a f x n K － １ 。".split(" ");

test("canonicalHost agrees with the URL parser on every host both accept", () => {
  const odd = fc.string({ unit: fc.constantFrom(...ODD_CHARACTERS) });
  const host = fc.oneof(fc.domain(), fc.ipV4(), fc.ipV4Extended(), fc.ipV6(), fc.string(), odd);
  fc.assert(
    fc.property(host, (text) => {
      const canonical = canonicalHost(text);
      if (canonical === undefined) return;
      const authority = text.includes(":") && !text.startsWith("[") ? `[${text}]` : text;
      const hostname = new URL(`http://${authority}`).hostname.replace(/^\[|\]$|\.$/g, "");
      assert.equal(canonical, hostname);
      assert.equal(canonicalHost(canonical), canonical, "canonical already");
    }),
    { numRuns: 3000 },
  );
});

test("canonicalHost has one spelling for names", () => {
  assert.equal(canonicalHost("Example.COM."), "example.com");
  assert.equal(canonicalHost("BÜCHER.example"), "xn--bcher-kva.example");
  assert.equal(canonicalHost("under_score.example"), "under_score.example");
  assert.equal(canonicalHost("[2001:DB8:0::1]"), "2001:db8::1");
});

test("isLiteral tells addresses from names that only begin like one", () => {
  assert.ok(isLiteral("1.2.3.4"));
  assert.ok(isLiteral("::1"));
  assert.ok(!isLiteral("1.2.3.4.example"));
  assert.ok(!isLiteral("3f2a1b"));
});

test("isLoopback knows this machine in every spelling, and nothing else", () => {
  for (const host of [
    "localhost",
    "LOCALHOST.",
    "a.localhost",
    "127.0.0.1",
    "127.9.9.9",
    "0x7f.1",
    "::1",
    "[::1]",
    "::ffff:127.0.0.1",
  ]) {
    assert.ok(isLoopback(host), host);
  }
  for (const host of [
    "0.0.0.0",
    "::",
    "localhost.example.com",
    "128.0.0.1",
    "::2",
    "",
    "a b",
    "notlocalhost",
  ]) {
    assert.ok(!isLoopback(host), host);
  }
});

test("parseAddress and formatAddress are inverse for IPv4 and IPv6", () => {
  fc.assert(
    fc.property(fc.ipV4(), (text) => {
      assert.equal(formatAddress(parseAddress(text) ?? []), text);
    }),
  );
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      const parsed = parseAddress(text) ?? [];
      assert.equal(parsed.length, 8);
      assert.deepEqual(parseAddress(formatAddress(parsed)), parsed);
    }),
  );
});

test("contains: a network holds exactly the addresses that share its prefix", () => {
  const bits = fc.integer({ min: 0, max: 32 });
  const value = fc.nat({ max: 0xffff_ffff });
  const quad = (number: number) => [24, 16, 8, 0].map((by) => (number >>> by) & 255).join(".");
  fc.assert(
    fc.property(value, value, bits, (inside, other, length) => {
      const network = networkOf(`${quad(inside)}/${length}`);
      const shares = length === 0 || inside >>> (32 - length) === other >>> (32 - length);
      assert.equal(contains(network, parseAddress(quad(other)) ?? []), shares);
      assert.ok(contains(network, parseAddress(quad(inside)) ?? []));
    }),
  );
});

test("networkOf clears the bits behind the prefix", () => {
  assert.deepEqual(networkOf("192.168.1.7/20"), networkOf("192.168.0.0/20"));
  assert.deepEqual(networkOf("2001:db8:ffff::1/33"), networkOf("2001:db8:8000::/33"));
});
