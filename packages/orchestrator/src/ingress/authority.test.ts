import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseAuthority } from "./authority.ts";

const good: readonly [text: string, host: string, port: number][] = [
  ["example.com:443", "example.com", 443],
  ["EXAMPLE.com.:443", "example.com", 443],
  ["bücher.example:8443", "xn--bcher-kva.example", 8443],
  ["192.0.2.1:80", "192.0.2.1", 80],
  ["127.1:80", "127.0.0.1", 80],
  ["[2001:DB8::1]:443", "2001:db8::1", 443],
  ["[::ffff:192.0.2.1]:65535", "::ffff:c000:201", 65_535],
];

for (const [text, host, port] of good) {
  test(`parseAuthority: ${text}`, () => assert.deepEqual(parseAuthority(text), { host, port }));
}

const bad = [
  "",
  ":443",
  "host",
  "host:",
  "host:0",
  "host:99999",
  "host:65536",
  "host:443x",
  "host:+443",
  "host: 443",
  "host:123456",
  "[::1",
  "[::1]",
  "::1:443",
  "[]:443",
  "[fe80::1%eth0]:443",
  "[host]:443",
  "a@b:443",
  "a,b:443",
  "a/b:443",
  "http://host:443",
  "host:443/",
  "ho st:443",
  "ho\0st:443",
  `${"a".repeat(5_000)}:443`,
  `${"a".repeat(64)}.example:443`,
];

for (const text of bad) {
  test(`faults P3: CONNECT ${JSON.stringify(text.slice(0, 40))} is refused`, () => {
    assert.throws(() => parseAuthority(text), { code: "invalid_url" });
  });
}

test("faults P3: whatever is taken is one host and one port", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...Array.from("a1.:[]@/,-x\0 %")) }), (text) => {
      try {
        const { host, port } = parseAuthority(text);
        assert.match(host, /^[a-z0-9_.:-]+$/);
        assert.ok(port >= 1 && port <= 65_535);
      } catch (error) {
        assert.equal((error as { code?: string }).code, "invalid_url");
      }
    }),
  );
});
