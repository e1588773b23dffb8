import assert from "node:assert/strict";
import { it } from "node:test";
import { Target } from "./target.ts";

const DOMAINS: readonly (readonly [host: string, domain: string])[] = [
  ["example.com", "example.com"],
  ["www.shop.example.co.uk:8443", "example.co.uk"],
  ["EXAMPLE.com.", "example.com"],
  ["me.github.io", "me.github.io"],
  ["deep.me.github.io", "me.github.io"],
  ["github.io", "github.io"],
  ["localhost:3000", "localhost"],
  ["x.unlisted", "x.unlisted"],
  ["192.0.2.1:80", "192.0.2.1"],
  ["192.0.2.1", "192.0.2.1"],
  ["[2001:db8::1]:443", "2001:db8::1"],
  ["2001:db8::1", "2001:db8::1"],
];

for (const [host, domain] of DOMAINS) {
  it(`Target: the domain of ${host} is ${domain}`, () => {
    const target = new Target(host);
    assert.equal(target.domain, domain);
    assert.equal(target.domain, domain);
  });
}
