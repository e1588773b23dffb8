import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createSecrets } from "./logger-redaction.ts";

test("redact: faults A20, F27, a registered secret goes in every form it takes in a line", () => {
  const secrets = createSecrets();
  const secret = 'ca"na\\ry/ü+1';
  secrets.register(secret);
  const forms = [
    secret,
    JSON.stringify({ secret }),
    `https://host/?x=${encodeURIComponent(secret)}&y=1`,
    Buffer.from(secret).toString("base64"),
    Buffer.from(secret).toString("base64url"),
  ];
  for (const form of forms) {
    const line = secrets.redact(`before ${form} after`);
    assert.match(line, /^before .*\[redacted\].* after$/, form);
    assert.ok(!line.includes("ry/") && !line.includes("ry%2F"), line);
  }
});

test("redact: any secret inside any JSON line goes", () => {
  const secret = fc.string({ minLength: 6, maxLength: 40, unit: "grapheme" });
  fc.assert(
    fc.property(secret, fc.string(), (value, around) => {
      const secrets = createSecrets();
      secrets.register(value);
      const line = JSON.stringify({ msg: `${around}${value}${around}` });
      const clean = secrets.redact(line);
      assert.ok(clean.includes("[redacted]"));
      assert.ok(
        !clean.includes(JSON.stringify(value).slice(1, -1)) || "[redacted]".includes(value),
      );
    }),
  );
});

test("redact: of two secrets, one inside the other, the longer one goes as a whole", () => {
  const secrets = createSecrets();
  secrets.register("secret");
  secrets.register("secret-and-more");
  assert.equal(secrets.redact("a secret-and-more b secret c"), "a [redacted] b [redacted] c");
});

test("redact: texts shorter than 6 characters are no secrets", () => {
  const secrets = createSecrets();
  secrets.register("level");
  secrets.register("");
  assert.equal(secrets.redact('{"level":"info"}'), '{"level":"info"}');
});

const SHAPES: readonly (readonly [line: string, clean: string])[] = [
  ["Authorization: Bearer abcdef123456", "Authorization: Bearer [redacted]"],
  ['{"proxy-authorization":"basic dXNlcjpwYXNz"}', '{"proxy-authorization":"basic [redacted]"}'],
  ["GET /agent?key=abc HTTP/1.1", "GET /agent?key=[redacted] HTTP/1.1"],
  ["/agent?name=x&key=abc%20d&v=1", "/agent?name=x&key=[redacted]&v=1"],
  ["http://user:pass@host/", "http://user:[redacted]@host/"],
  ["redis://:pass@host/", "redis://:[redacted]@host/"],
  ["porch_client_0123456789abcdefghjk", "porch_client_[redacted]"],
  ["porch_agent_0123456789 damaged", "porch_agent_[redacted] damaged"],
];

for (const [line, clean] of SHAPES) {
  test(`redact: faults A20, a credential nobody registered goes by its shape: ${clean}`, () => {
    assert.equal(createSecrets().redact(line), clean);
  });
}

test("redact leaves ordinary lines alone", () => {
  const line =
    '{"level":"info","jobId":"job_0123456789abcdefghjkmnpq","host":"example.com:443","keyId":"key_0123456789abcdefghjkmnpq","msg":"Basic work done, monkey=1"}\n';
  assert.equal(createSecrets().redact(line), line);
});

test("redact takes time in proportion to the line, whatever it holds", () => {
  const secrets = createSecrets();
  for (const text of [
    "://".repeat(30_000),
    "?key=".repeat(20_000),
    "Bearer ".repeat(15_000),
    "://a:".repeat(20_000),
  ]) {
    const startMs = performance.now();
    secrets.redact(text);
    assert.ok(performance.now() - startMs < 500, text.slice(0, 10));
  }
});
