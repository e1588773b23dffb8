import assert from "node:assert/strict";
import { test } from "node:test";
import { formatKey, KEY_SECRET_BYTES } from "@porchlight/protocol/key-format";
import { hasRepeatedSecret, parseStaticKeys } from "./static-keys.ts";

const SECRET = "sixteen-chars-ok";

test("parseStaticKeys: names and secrets, a colon in a secret included", () => {
  const keys = parseStaticKeys("agent", `home:${SECRET}, office:a:b:${SECRET},`);
  assert.deepEqual(keys, [
    {
      principal: {
        keyId: "static:agent:home",
        account: "static:agent:home",
        name: "home",
        role: "agent",
      },
      secret: SECRET,
    },
    {
      principal: {
        keyId: "static:agent:office",
        account: "static:agent:office",
        name: "office",
        role: "agent",
      },
      secret: `a:b:${SECRET}`,
    },
  ]);
});

test("parseStaticKeys: nothing given, no keys", () => {
  assert.deepEqual(parseStaticKeys("admin", ""), []);
});

test("parseStaticKeys: each fault is told by the name, and the secret is not", () => {
  const client = formatKey("client", new Uint8Array(KEY_SECRET_BYTES));
  const faults: Record<string, RegExp> = {
    [SECRET]: /written name:secret/,
    [`:${SECRET}`]: /printable/,
    "home:fifteen-chars-x": /The secret of home is shorter than 16/,
    "home:sixteen-chars-é-and-more": /other than printable ASCII/,
    [`home:${client.slice(0, -1)}`]: /with a slip/,
    [`home:${client}`]: /another role than agent/,
    [`home:${SECRET},home:${SECRET}2`]: /same name/,
  };
  for (const [text, message] of Object.entries(faults)) {
    assert.throws(
      () => parseStaticKeys("agent", text),
      (err: Error) => message.test(err.message) && !err.message.includes("chars-"),
      text,
    );
  }
});

test("hasRepeatedSecret: finds one secret used for two roles", () => {
  const agents = parseStaticKeys("agent", `a:${SECRET}`);
  const clients = parseStaticKeys("client", `a:${SECRET}`);
  assert.equal(hasRepeatedSecret([...agents, ...clients]), true);
  assert.equal(hasRepeatedSecret(agents), false);
});
