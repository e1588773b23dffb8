import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { test } from "node:test";
import { parseCidrs } from "@porchlight/runtime/target-policy";
import type { Principal, Role } from "../accounts/principal.ts";
import { readHandshake } from "./handshake.ts";

const KEYS: Readonly<Record<string, Role>> = { good: "agent", client: "client", "a+b c": "agent" };

function principalOf(presented: string | undefined): Principal | undefined {
  const role = presented === undefined ? undefined : KEYS[presented];
  return role && { keyId: `key_${role}`, account: "account", name: "name", role };
}

function read(url: string, headers: Record<string, string> = {}) {
  const socket = { remoteAddress: "::ffff:10.0.0.1" };
  const request = { url, headers, socket } as unknown as IncomingMessage;
  const authenticator = { authenticate: principalOf };
  return readHandshake(request, { authenticator, trustProxy: parseCidrs("10.0.0.0/8") });
}

const GOOD = { authorization: "Bearer good" };
const MUX = { ...GOOD, "sec-websocket-protocol": "other, porchlight.mux.v1" };

test("readHandshake: the offered sub-protocol selects the profile", () => {
  assert.equal(read("/agent", GOOD).profile, "json");
  assert.equal(read("/agent", MUX).profile, "mux");
});

test("readHandshake: sub-protocols that are not ours are refused", () => {
  for (const offered of ["", "chat", "porchlight.mux.v2", "PORCHLIGHT.MUX.V1"]) {
    const headers = { ...GOOD, "sec-websocket-protocol": offered };
    assert.throws(() => read("/agent", headers), { code: "invalid_request" }, offered);
  }
});

test("readHandshake: the key by header, or by query in the JSON profile only", () => {
  assert.equal(read("/agent", { authorization: "bearer  good" }).visitor.principal.role, "agent");
  assert.equal(read("/agent?key=good").visitor.principal.role, "agent");
  assert.equal(read("/agent?x=1&key=a%2Bb%20c").visitor.principal.role, "agent");
  const mux = { "sec-websocket-protocol": "porchlight.mux.v1" };
  assert.throws(() => read("/agent?key=good", mux), { code: "unauthenticated" });
});

test("faults A19: no or a wrong key is unauthenticated, another role forbidden", () => {
  const wrong = ["", "Bearer", "Bearer ", "Bearer bad", "Basic good", "good", "Bearer good x"];
  for (const authorization of wrong) {
    assert.throws(() => read("/agent", { authorization }), { code: "unauthenticated" });
  }
  assert.throws(() => read("/agent"), { code: "unauthenticated" });
  assert.throws(() => read("/agent?key="), { code: "unauthenticated" });
  assert.throws(() => read("/agent", { authorization: "Bearer client" }), { code: "forbidden" });
});

test("readHandshake: a key is judged before a sub-protocol, a path before a key", () => {
  const headers = { authorization: "Bearer bad", "sec-websocket-protocol": "chat" };
  assert.throws(() => read("/agent", headers), { code: "unauthenticated" });
  for (const url of ["/", "/agents", "/agent/", "/Agent", "//agent", "/v1/agent?key=good", ""]) {
    assert.throws(() => read(url, GOOD), { code: "not_found" }, url);
  }
});

test("faults G15: the address is the one observed, through trusted proxies", () => {
  assert.equal(read("/agent", GOOD).visitor.ip, "10.0.0.1");
  const forwarded = { ...GOOD, "x-forwarded-for": "192.0.2.1, 198.51.100.7" };
  assert.equal(read("/agent", forwarded).visitor.ip, "198.51.100.7");
});
