import assert from "node:assert/strict";
import { test } from "node:test";
import { ProxyError } from "@porchlight/protocol/errors";
import { parsePorts, type TargetPolicy } from "@porchlight/runtime/target-policy";
import fc from "fast-check";
import { forwardTarget } from "./forward-target.ts";

const POLICY: TargetPolicy = { ports: parsePorts("80,443,8080,8443"), allow: [] };
const ANY_PORT: TargetPolicy = { ports: parsePorts("*"), allow: [] };

function refusal(url: string, policy = POLICY): ProxyError {
  try {
    forwardTarget("GET", url, policy);
  } catch (error) {
    assert.ok(error instanceof ProxyError);
    return error;
  }
  throw new Error(`${url} was taken`);
}

test("forwardTarget: host, port, authority and path", () => {
  assert.deepEqual(
    forwardTarget("GET", "http://Example.COM:8080/a/../b%2f?q=%20&&#".slice(0, -1), POLICY),
    {
      host: "example.com",
      port: 8080,
      authority: "Example.COM:8080",
      path: "/a/../b%2f?q=%20&&",
    },
  );
  assert.deepEqual(forwardTarget("GET", "HTTP://example.com.", POLICY), {
    host: "example.com",
    port: 80,
    authority: "example.com.",
    path: "/",
  });
});

const paths: readonly [method: string, url: string, path: string][] = [
  ["GET", "http://a.example", "/"],
  ["GET", "http://a.example?q", "/?q"],
  ["GET", "http://a.example/?", "/?"],
  ["GET", "http://a.example//x//", "//x//"],
  ["GET", "http://a.example/http://b.example/", "/http://b.example/"],
  ["GET", "http://a.example:/x@y:z", "/x@y:z"],
  ["GET", "http://a.example/\u{e9}\\", "/\u{e9}\\"],
  ["OPTIONS", "http://a.example", "*"],
  ["OPTIONS", "http://a.example/", "/"],
  ["OPTIONS", "http://a.example?q", "/?q"],
];

for (const [method, url, path] of paths) {
  test(`forwardTarget: ${method} ${url} asks for ${path}`, () => {
    assert.equal(forwardTarget(method, url, POLICY).path, path);
  });
}

test("forwardTarget: IPv6 goes without brackets, and keeps them in Host", () => {
  const target = forwardTarget("GET", "http://[2606:4700::0:1111]:8080/", POLICY);
  assert.equal(target.host, "2606:4700::1111");
  assert.equal(target.authority, "[2606:4700::0:1111]:8080");
});

const invalid = [
  "",
  "/",
  "*",
  "example.com",
  "example.com:80",
  "http:/example.com/",
  "http:example.com",
  "http://",
  "http:///path",
  "http://:80/",
  "http://user@example.com/",
  "http://user:secret@example.com/",
  "http://@example.com/",
  "http://example.com@/",
  "http://a.example,b.example/",
  "http://example.com\\@evil.example/",
  "http://example.com:0/",
  "http://example.com:65536/",
  "http://example.com:123456/",
  "http://example.com:+80/",
  "http://example.com:80:80/",
  "http://[::1/",
  "http://[::1]x/",
  "http://[]/",
  "http://[host]/",
  "http://::1/",
  "http://[fe80::1%25eth0]/",
  "http://exam ple.com/",
  "http://b\u{fc}cher.example/",
  "http://example.com/#fragment",
  "http://example.com#",
  `http://${"a".repeat(5_000)}/`,
];

for (const url of invalid) {
  test(`faults A7, A9, A14: ${JSON.stringify(url.slice(0, 40))} is no URL to forward`, () => {
    assert.equal(refusal(url, ANY_PORT).code, "invalid_url");
  });
}

test("faults A9: a URL that holds credentials is told so", () => {
  assert.match(refusal("http://user:secret@example.com/").message, /credentials/);
});

test("forwardTarget: https is answered with what to do instead", () => {
  for (const url of ["https://example.com/", "HTTPS://example.com"]) {
    const { code, message } = refusal(url);
    assert.equal(code, "invalid_url");
    assert.match(message, /CONNECT/);
  }
  assert.equal(refusal("ftp://example.com/").code, "invalid_url");
  assert.equal(refusal("ws://example.com/").code, "invalid_url");
});

const forbidden = [
  "127.0.0.1",
  "127.1",
  "2130706433",
  "0x7f000001",
  "0177.0.0.1",
  "%31%32%37.0.0.1",
  "%EF%BC%91%EF%BC%92%EF%BC%97.0.0.1",
  "0.0.0.0",
  "10.0.0.1",
  "169.254.169.254",
  "100.64.0.1",
  "224.0.0.1",
  "[::1]",
  "[::ffff:127.0.0.1]",
  "[64:ff9b::7f00:1]",
  "[2002:7f00:1::]",
  "[fd00::1]",
];

for (const host of forbidden) {
  test(`faults A15, P4: http://${host}/ is forbidden`, () => {
    assert.equal(refusal(`http://${host}/`).code, "target_forbidden");
    assert.equal(refusal(`http://${host}:8080/x`).code, "target_forbidden");
  });
}

test("faults A14: a port that is not allowed is forbidden", () => {
  assert.equal(refusal("http://example.com:22/").code, "port_forbidden");
  assert.equal(refusal("http://example.com:25/").code, "port_forbidden");
});

test("faults F27: a refusal never says what the URL held", () => {
  const urls = [
    "http://user:canary@example.com/",
    "http://example.com:canary/",
    "http://example.com:0/canary?canary",
    "http://127.0.0.1/canary?canary",
    "http://example.com/#canary",
    "canary",
    "https://canary/",
  ];
  for (const url of urls) assert.doesNotMatch(refusal(url).message, /canary/, url);
});

test("forwardTarget: whatever is taken has one canonical host, a port, and a path without a fragment", () => {
  const piece = fc.constantFrom(
    "http://",
    "a",
    "b.c",
    ":",
    "80",
    "8080",
    "/",
    "?",
    "#",
    "@",
    "[",
    "]",
    "::1",
    "\\",
    "%2f",
    ".",
    "é",
    " ",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 10 }), (pieces) => {
      const url = `http://${pieces.join("")}`;
      try {
        const { host, port, path, authority } = forwardTarget("GET", url, ANY_PORT);
        assert.match(host, /^[a-z0-9_.:-]+$/);
        assert.ok(port >= 1 && port <= 65_535);
        assert.ok(path.startsWith("/") && !path.includes("#"));
        const given = url.slice("http://".length);
        assert.ok(given === `${authority}${path}` || given === `${authority}${path.slice(1)}`);
      } catch (error) {
        assert.ok(error instanceof ProxyError, String(error));
      }
    }),
  );
});
