import assert from "node:assert/strict";
import { test } from "node:test";
import { isOwnAddress, type OwnAddress } from "./own-address.ts";

const LOCAL: OwnAddress = { host: "127.0.0.1", port: 8081, reachedBy: "127.0.0.1" };
const EVERYWHERE: OwnAddress = { host: "0.0.0.0", port: 8081, reachedBy: "::ffff:203.0.113.5" };
const INTERFACES = ["127.0.0.1", "10.0.0.7", "2001:db8::7"];

function isOwn(host: string, own: OwnAddress, port = 8081): boolean {
  return isOwnAddress({ host, port }, own, () => INTERFACES);
}

test("faults P19: the listener itself, in any spelling, is a loop", () => {
  for (const host of [
    "127.0.0.1",
    "localhost",
    "proxy.localhost",
    "::1",
    "::ffff:7f00:1",
    "0.0.0.0",
  ]) {
    assert.equal(isOwn(host, LOCAL), true, host);
    assert.equal(isOwn(host, EVERYWHERE), true, host);
  }
});

test("faults P19: so is every address of this machine when all are listened on", () => {
  for (const host of ["203.0.113.5", "::ffff:203.0.113.5", "10.0.0.7", "2001:db8::7", "::"]) {
    assert.equal(isOwn(host, EVERYWHERE), true, host);
  }
  assert.equal(isOwn("10.0.0.8", EVERYWHERE), false);
});

test("isOwnAddress: other ports, other hosts and other listeners are none", () => {
  assert.equal(isOwn("127.0.0.1", LOCAL, 8080), false);
  assert.equal(isOwn("example.com", LOCAL), false);
  assert.equal(isOwn("10.0.0.7", LOCAL), false);
  assert.equal(isOwn("127.0.0.1", { host: "10.0.0.7", port: 8081 }), false);
});
