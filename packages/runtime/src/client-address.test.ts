import assert from "node:assert/strict";
import { test } from "node:test";
import { clientAddress } from "./client-address.ts";
import { parseCidrs } from "./target-policy.ts";

const TRUSTED = parseCidrs("10.0.0.0/8,fd00::/8");

test("clientAddress: the socket's, IPv4-mapped as IPv4, without a zone", () => {
  assert.equal(clientAddress("203.0.113.7", undefined, []), "203.0.113.7");
  assert.equal(clientAddress("::ffff:203.0.113.7", undefined, []), "203.0.113.7");
  assert.equal(clientAddress("2001:db8:0:0::1", undefined, []), "2001:db8::1");
  assert.equal(clientAddress("fe80::1%eth0", undefined, []), "fe80::1");
  assert.equal(clientAddress(undefined, undefined, []), "");
});

test("faults G15: X-Forwarded-For of an untrusted peer is not believed", () => {
  assert.equal(clientAddress("203.0.113.7", "198.51.100.1", []), "203.0.113.7");
  assert.equal(clientAddress("203.0.113.7", "198.51.100.1", TRUSTED), "203.0.113.7");
});

test("clientAddress: the rightmost address that no trusted proxy has", () => {
  const behind = (forwardedFor: string) => clientAddress("::ffff:10.0.0.1", forwardedFor, TRUSTED);
  assert.equal(behind("198.51.100.1"), "198.51.100.1");
  assert.equal(behind("192.0.2.66, 198.51.100.1, 10.2.3.4"), "198.51.100.1");
  assert.equal(behind("198.51.100.1:4711"), "198.51.100.1");
  assert.equal(behind("[2001:db8::7]:4711"), "2001:db8::7");
  assert.equal(behind("2001:DB8::7, fd00::1"), "2001:db8::7");
  assert.equal(behind("10.9.9.9"), "10.9.9.9");
});

test("clientAddress: stops at what is no address", () => {
  for (const junk of [
    "",
    "unknown",
    "_hidden",
    "a, b",
    "198.51.100.1, x",
    "2130706433",
    "1.2.3.999",
  ]) {
    assert.equal(clientAddress("10.0.0.1", junk, TRUSTED), "10.0.0.1", junk);
  }
});

test("clientAddress: trusting every IPv6 address trusts no IPv4 one", () => {
  const trusted = parseCidrs("::/0");
  assert.equal(clientAddress("192.0.2.1", "198.51.100.1", trusted), "192.0.2.1");
  assert.equal(clientAddress("2001:db8::1", "198.51.100.1", trusted), "198.51.100.1");
});
