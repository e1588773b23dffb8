import assert from "node:assert/strict";
import { test } from "node:test";
import { ProxyError } from "@porchlight/protocol/errors";
import { formatPorts, parseCidrs, parseDomains, parsePorts } from "./target-policy.ts";

const refuses = (parse: (text: string) => unknown, texts: readonly string[]) => {
  for (const text of texts) {
    assert.throws(
      () => parse(text),
      (error) => error instanceof ProxyError && error.message.startsWith("Expected "),
      text,
    );
  }
};

test("parsePorts reads ports, ranges and *, and formatPorts writes them again", () => {
  for (const text of ["80", "80,443", "80,8000-8100", "*"]) {
    assert.equal(formatPorts(parsePorts(text)), text);
  }
  assert.deepEqual(parsePorts(" 80 , 81-81 "), [
    { first: 80, last: 80 },
    { first: 81, last: 81 },
  ]);
});

test("parsePorts refuses what is no list of ports", () => {
  refuses(parsePorts, ["", ",", "0", "65536", "80-79", "a", "80-", "-80", "80,*", "8e1", "80 443"]);
});

test("parseCidrs reads networks and single addresses of both families", () => {
  const bits = parseCidrs("10.0.0.0/8, 192.168.1.7,fd00::/8,::1").map((network) => network.bits);
  assert.deepEqual(bits, [104, 128, 8, 128]);
});

test("parseCidrs refuses odd spellings, wrong lengths and bits behind the prefix", () => {
  refuses(parseCidrs, [
    "10/8",
    "10.0.0.0/33",
    "10.0.0.0/-1",
    "10.0.0.0/8/8",
    "10.0.0.0/",
    "10.0.0.1/8",
    "192.168.1.7/24",
    "fd00::1/8",
    "fd00::/129",
    "0x0a.0.0.0/8",
    "1.2.3.400/32",
    "localhost",
    "fe80::1%eth0",
  ]);
});

test("parseDomains writes every domain in its one spelling", () => {
  assert.deepEqual(parseDomains("Example.COM., *.BÜCHER.example"), [
    "example.com",
    "*.xn--bcher-kva.example",
  ]);
});

test("parseDomains refuses what is no host", () => {
  refuses(parseDomains, [
    "a b",
    "*",
    "*.",
    "a.*.b",
    "https://example.com",
    "example.com/x",
    "a..b",
  ]);
});
