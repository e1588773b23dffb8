import assert from "node:assert/strict";
import { test } from "node:test";
import {
  judgeAddress,
  judgeDomain,
  judgeHost,
  judgePort,
  judgeUrl,
  parseCidrs,
  parseDomains,
  parsePorts,
  type TargetPolicy,
} from "./target-policy.ts";

const OPEN: TargetPolicy = { ports: parsePorts("*"), allow: [] };
const STRICT: TargetPolicy = { ports: parsePorts("80,443,8080,8443"), allow: [] };

/** Spellings of addresses that are not public, and what the message has to say about each. */
const FORBIDDEN: readonly (readonly [host: string, reason: string])[] = [
  ["127.0.0.1", "loopback"],
  ["127.255.255.254", "loopback"],
  ["127.1", "127.0.0.1 is a loopback"],
  ["127.0.1", "127.0.0.1 is a loopback"],
  ["2130706433", "127.0.0.1 is a loopback"],
  ["0x7f000001", "127.0.0.1 is a loopback"],
  ["0X7F.1", "127.0.0.1 is a loopback"],
  ["0x7f.0x0.0x0.0x1", "127.0.0.1 is a loopback"],
  ["0177.0.0.1", "127.0.0.1 is a loopback"],
  ["017700000001", "127.0.0.1 is a loopback"],
  ["00000177.0.0.01", "127.0.0.1 is a loopback"],
  ["127.0.0.1.", "127.0.0.1 is a loopback"],
  ["１２７.0.0.1", "127.0.0.1 is a loopback"],
  ["127。0．0｡1", "127.0.0.1 is a loopback"],
  ["①②⑦.⓪.⓪.①", "127.0.0.1 is a loopback"],
  ["12\u00AD7.0.0.1", "127.0.0.1 is a loopback"],
  ["%31%32%37.0.0.1", "127.0.0.1 is a loopback"],
  ["0", "this machine"],
  ["0.0.0.0", "this machine"],
  ["0x0", "this machine"],
  ["0.1.2.3", "this machine"],
  ["10.0.0.1", "private"],
  ["012.1", "10.0.0.1 is a private"],
  ["172.16.0.1", "private"],
  ["172.31.255.255", "private"],
  ["192.168.0.1", "private"],
  ["192.168.257", "192.168.1.1 is a private"],
  ["3232235777", "192.168.1.1 is a private"],
  ["100.64.0.1", "shared"],
  ["100.127.255.255", "shared"],
  ["169.254.1.1", "link-local"],
  ["169.254.169.254", "metadata"],
  ["2852039166", "metadata"],
  ["169.254.170.2", "metadata"],
  ["100.100.100.200", "metadata"],
  ["192.0.0.192", "metadata"],
  ["168.63.129.16", "metadata"],
  ["192.0.0.8", "reserved"],
  ["192.0.2.1", "documentation"],
  ["198.51.100.1", "documentation"],
  ["203.0.113.255", "documentation"],
  ["192.88.99.1", "6to4"],
  ["198.18.0.1", "benchmarking"],
  ["198.19.255.255", "benchmarking"],
  ["224.0.0.251", "multicast"],
  ["239.255.255.250", "multicast"],
  ["240.0.0.1", "reserved"],
  ["255.255.255.255", "broadcast"],
  ["::", "this machine"],
  ["[::]", "this machine"],
  ["::1", "loopback"],
  ["[::1]", "loopback"],
  ["0:0:0:0:0:0:0:1", "loopback"],
  ["[0000:0000:0000:0000:0000:0000:0000:0001]", "loopback"],
  ["::127.0.0.1", "form of 127.0.0.1, a loopback"],
  ["::7f00:1", "form of 127.0.0.1, a loopback"],
  ["::8.8.8.8", "IPv4-compatible"],
  ["::ffff:127.0.0.1", "loopback"],
  ["[::ffff:7f00:1]", "loopback"],
  ["[0:0:0:0:0:FFFF:7F00:0001]", "loopback"],
  ["::ffff:10.1.2.3", "private"],
  ["::ffff:0:0", "this machine"],
  ["::ffff:0:127.0.0.1", "outside the public range"],
  ["64:ff9b::127.0.0.1", "form of 127.0.0.1, a loopback"],
  ["64:ff9b::a9fe:a9fe", "form of 169.254.169.254, a cloud metadata"],
  ["64:ff9b:1::192.168.0.1", "form of 192.168.0.1, a private"],
  ["64:ff9b:1::8.8.8.8", "local NAT64"],
  ["2002:7f00:1::", "form of 127.0.0.1, a loopback"],
  ["2002:c0a8:0101::1", "form of 192.168.1.1, a private"],
  ["2001:0:7f00:1::f7f7:f7f7", "form of 127.0.0.1, a loopback"],
  ["2001:0:808:808::f5ff:fffe", "form of 10.0.0.1, a private"],
  ["2606:4700::5efe:192.168.0.1", "form of 192.168.0.1, a private"],
  ["2606:4700::200:5efe:10.0.0.1", "form of 10.0.0.1, a private"],
  ["fe80::1", "link-local"],
  ["febf::1", "link-local"],
  ["fe80::1%eth0", "zone"],
  ["[fe80::1%25eth0]", "zone"],
  ["2606:4700::1%1", "zone"],
  ["fc00::1", "private"],
  ["fdff::1", "private"],
  ["fd00:ec2::254", "metadata"],
  ["fd20:ce::254", "metadata"],
  ["fec0::1", "site-local"],
  ["ff02::1", "multicast"],
  ["ff0e::1", "multicast"],
  ["100::1", "discard"],
  ["100:0:0:1::1", "dummy"],
  ["2001:2::1", "benchmarking"],
  ["2001:10::1", "reserved"],
  ["2001:1ff::1", "reserved"],
  ["2001:db8::1", "documentation"],
  ["3fff::1", "documentation"],
  ["3fff:fff::1", "documentation"],
  ["5f00::1", "segment"],
  ["4000::1", "outside the public range"],
  ["1::", "outside the public range"],
];

for (const [host, reason] of FORBIDDEN) {
  test(`judgeHost refuses ${host} (faults A15, G17)`, () => {
    const refusal = judgeHost(host, 80, OPEN);
    assert.equal(refusal?.code, "target_forbidden");
    assert.ok(refusal.message.includes(reason), refusal.message);
  });

  test(`judgeAddress refuses ${host} from a resolver (faults A16)`, () => {
    assert.equal(judgeAddress(host, [])?.code, "target_forbidden");
  });
}

const PUBLIC = [
  "8.8.8.8",
  "1.1.1.1",
  "134744072",
  "93.184.216.34",
  "9.255.255.255",
  "11.0.0.0",
  "100.63.255.255",
  "100.128.0.0",
  "126.255.255.255",
  "128.0.0.0",
  "169.253.255.255",
  "172.15.255.255",
  "172.32.0.0",
  "192.0.1.0",
  "192.31.196.1",
  "192.167.255.255",
  "192.169.0.0",
  "198.17.255.255",
  "198.20.0.0",
  "223.255.255.255",
  "2606:4700:4700::1111",
  "[2001:4860:4860::8888]",
  "2001:200::1",
  "2001:db7:ffff::1",
  "2001:db9::1",
  "2a00:1450::1",
  "3ffe:ffff::1",
  "3fff:1000::1",
  "::ffff:8.8.8.8",
  "64:ff9b::8.8.8.8",
  "2002:808:808::1",
  "2001:0:808:808::f7f7:f7f7",
  "2606:4700::5efe:8.8.8.8",
];

for (const host of PUBLIC) {
  test(`judgeHost lets ${host} pass`, () => {
    assert.equal(judgeHost(host, 80, OPEN), undefined);
  });
}

test("judgeHost lets names pass, since only the resolver knows their addresses", () => {
  for (const host of [
    "localhost",
    "printer.local",
    "example.com",
    "EXAMPLE.com.",
    "bücher.example",
  ]) {
    assert.equal(judgeHost(host, 80, OPEN), undefined, host);
  }
  assert.equal(judgeHost("3f2a1b", 80, OPEN), undefined, "a name may begin with a digit");
});

test("judgeHost answers invalid_url for what is no host", () => {
  const hosts = [
    "",
    ".",
    "a..b",
    "a b",
    "a@b",
    "x:80",
    "[::1",
    "@a:",
    "[a@::1]",
    "x@127.0.0.1",
    "1.2.3.256",
    "1.2.3.4.5",
    "08.1.1.1",
  ];
  for (const host of [...hosts, "127.0.0.1/", "a#b", "a\\b", "a\0b", "a\r\nb", "a".repeat(300)]) {
    assert.equal(judgeHost(host, 80, OPEN)?.code, "invalid_url", JSON.stringify(host));
  }
});

test("judgeHost repeats at most 80 characters of a host, without control characters", () => {
  const message = judgeHost(`a\u0007\n${"b".repeat(5000)}`, 80, OPEN)?.message ?? "";
  assert.ok(message.length < 120);
  assert.match(message, /^[\x20-\x7e…]+$/);
});

test("judgeHost names the address before the port, and the domain before the port", () => {
  assert.equal(judgeHost("127.0.0.1", 22, STRICT)?.code, "target_forbidden");
  const denied = { ...STRICT, denyDomains: parseDomains("example.com") };
  assert.equal(judgeHost("example.com", 22, denied)?.code, "target_forbidden");
});

test("judgeAddress refuses what is no address", () => {
  for (const text of ["", "example.com", "1.2.3.400", "::1::", "12345::", "[]", "fe80"]) {
    assert.equal(judgeAddress(text, [])?.code, "target_forbidden");
  }
});

test("judgeAddress: allow is the only exception, for IPv4 in each of its forms", () => {
  const allow = parseCidrs("10.0.0.0/8,fd00::/8");
  for (const address of ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3", "fd00:ec2::254"]) {
    assert.equal(judgeAddress(address, allow), undefined, address);
  }
  assert.equal(judgeAddress("11.0.0.1", allow), undefined);
  assert.equal(judgeAddress("127.0.0.1", allow)?.code, "target_forbidden");
  assert.equal(judgeAddress("fc00::1", allow)?.code, "target_forbidden");
});

test("judgeAddress: an IPv6 network in allow never holds IPv4", () => {
  assert.equal(judgeAddress("127.0.0.1", parseCidrs("::/0"))?.code, "target_forbidden");
  assert.equal(judgeAddress("fe80::1", parseCidrs("::/0")), undefined);
  assert.equal(judgeAddress("127.0.0.1", parseCidrs("0.0.0.0/0")), undefined);
});

test("judgeAddress refuses a public address on a network of this machine (faults G17)", () => {
  const local = parseCidrs("2a02:8070:1:2::/64");
  assert.match(
    judgeAddress("2a02:8070:1:2::5", [], local)?.message ?? "",
    /network of this machine/,
  );
  assert.equal(judgeAddress("2a02:8070:1:3::5", [], local), undefined);
  assert.equal(judgeAddress("2a02:8070:1:2::5", local, local), undefined);
});

test("judgePort: faults A14, no port at all is invalid_url, one not listed is port_forbidden", () => {
  for (const port of [0, -1, 65_536, 80.5, Number.NaN]) {
    assert.equal(judgePort(port, parsePorts("*"))?.code, "invalid_url", `${port}`);
  }
  for (const port of [22, 25, 81, 8081]) {
    assert.equal(judgePort(port, STRICT.ports)?.code, "port_forbidden", `${port}`);
  }
  for (const port of [80, 443, 8080, 8443]) assert.equal(judgePort(port, STRICT.ports), undefined);
  assert.equal(judgePort(25, parsePorts("*")), undefined);
  assert.equal(judgePort(8050, parsePorts("80, 8000-8100")), undefined);
});

test("judgeDomain: exact names, names below, case, final dot and IDNA", () => {
  const lists = { allowDomains: parseDomains("Example.com,*.example.org.,bücher.example") };
  for (const host of [
    "example.com",
    "EXAMPLE.COM.",
    "a.example.org",
    "a.b.Example.Org",
    "xn--bcher-kva.example",
  ]) {
    assert.equal(judgeDomain(host, lists), undefined, host);
  }
  for (const host of [
    "www.example.com",
    "example.org",
    "badexample.org",
    "example.com.evil.net",
    "8.8.8.8",
  ]) {
    assert.equal(judgeDomain(host, lists)?.code, "target_forbidden", host);
  }
});

test("judgeDomain: deny wins over allow, and empty lists let all pass", () => {
  const lists = {
    allowDomains: parseDomains("*.example.org"),
    denyDomains: parseDomains("bank.example.org,*.bank.example.org"),
  };
  assert.equal(judgeDomain("a.example.org", lists), undefined);
  assert.match(judgeDomain("BANK.example.org", lists)?.message ?? "", /among the denied/);
  assert.equal(judgeDomain("x.bank.example.org", lists)?.code, "target_forbidden");
  assert.equal(judgeDomain("anything.net", { allowDomains: [], denyDomains: [] }), undefined);
  assert.equal(judgeDomain("a..b", lists)?.code, "invalid_url");
});

test("judgeUrl: default ports, the scheme, and every spelling the URL parser turns into an address", () => {
  const verdict = (url: string) => judgeUrl(new URL(url), STRICT)?.code;
  assert.equal(verdict("http://example.com/"), undefined);
  assert.equal(verdict("https://example.com:8443/"), undefined);
  assert.equal(verdict("https://example.com:25/"), "port_forbidden");
  assert.equal(verdict("http://example.com:0/"), "invalid_url");
  assert.equal(verdict("file:///etc/passwd"), "invalid_url");
  assert.equal(verdict("ftp://example.com/"), "invalid_url");
  assert.equal(verdict("http://0x7f.1/"), "target_forbidden");
  assert.equal(verdict("http://[::ffff:127.0.0.1]/"), "target_forbidden");
  assert.equal(verdict("http://１２７.１/"), "target_forbidden");
});
